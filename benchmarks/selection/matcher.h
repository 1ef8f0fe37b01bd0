// The engines side by side: each compiles a list and says which pattern hits a
// name first. Entry points: Matcher, make_matcher, engine_names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "selection_case.h"

namespace graft::bench {

class Matcher {
 public:
  virtual ~Matcher() = default;
  // Index of the first pattern that matches the whole of `name`, or -1.
  virtual int first_hit(const std::string& name) = 0;
};

// "graft", "PCRE2-JIT", and the peers that were found when this was built:
// "RE2::Set", "Hyperscan".
std::vector<std::string> engine_names();

// Null, with the reason on standard error, when the engine cannot compile the
// patterns.
std::unique_ptr<Matcher> make_matcher(const std::string& engine,
                                      const SelectionCase& question);

}  // namespace graft::bench
