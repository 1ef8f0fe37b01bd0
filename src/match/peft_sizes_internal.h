// Rank and alpha of single paths under rank_pattern and alpha_pattern. Entry
// point: PeftSizes. Private to peft_rule*.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "match/peft_rule_internal.h"

namespace graft {

class PeftSizes {
 public:
  // `rule` and `fused` (parameters made of two layers each) must live longer.
  PeftSizes(const PeftRule& rule, const std::vector<std::string>& fused);

  AdapterSettings of(std::string_view path);
  // A sentence for each key that matched no path so far.
  void add_unused(std::vector<std::string>& out) const;

 private:
  const PeftRule& rule_;
  const std::vector<std::string>& fused_;
  std::vector<bool> rank_used_;
  std::vector<bool> alpha_used_;
};

}  // namespace graft
