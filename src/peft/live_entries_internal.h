// The entries of one list of a ModuleMatcher, compiled together and asked about
// live modules. Entry points: LiveEntries::first_hit, excludes.
#pragma once

#include <torch/nn/module.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/match/rule.h"
#include "match/entry_set_internal.h"
#include "match/kind_term_internal.h"

namespace graft {

// A module as match() is asked about it. Both names may be missing.
struct LiveQuestion {
  const torch::nn::Module& module;
  std::optional<std::string_view> name;
  const std::optional<std::string>& full_name;
  bool te_available;
};

class LiveEntries {
 public:
  static constexpr std::size_t kNoHit = SIZE_MAX;

  // Compiles when entries or syntax are not those of the last call. A malformed
  // entry is an error only when a module comes to it.
  void update(const std::vector<std::string>& entries, PatternSyntax syntax);

  // The first entry that hits. Throws ConfigError when a malformed entry
  // stands before it and there is a full name to try it on.
  std::size_t first_hit(const LiveQuestion& question) const;
  // Whether an entry takes the module out; names are tried before patterns.
  bool excludes(const LiveQuestion& question) const;

 private:
  struct Compiled {
    KindTerms kinds;
    EntrySet set;
    EntryIndex endings;  // of syntax peft
    std::vector<std::pair<std::size_t, std::string>> malformed;
  };

  bool has_text(std::string_view name) const;
  std::size_t named_hit(const LiveQuestion& question) const;
  std::size_t linear_hit(const LiveQuestion& question) const;
  void find_malformed();
  void throw_malformed_before(std::size_t entry,
                              const LiveQuestion& question) const;

  std::vector<std::string> entries_;
  PatternSyntax syntax_ = PatternSyntax::kGlob;
  std::optional<Compiled> compiled_;
};

}  // namespace graft
