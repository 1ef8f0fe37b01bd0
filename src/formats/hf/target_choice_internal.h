// The shortest way to say a set of modules in adapter_config.json. Entry
// points: choose_targets, choose_endings, choose_keys. Why:
// docs/design/15-saved-selection.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// Fields of adapter_config.json. Lists are sorted.
struct TargetChoice {
  std::vector<std::string> targets;  // one regular expression when is_regex
  bool is_regex = false;
  std::vector<std::string> excludes;
  std::vector<std::int64_t> layers;  // layers_to_transform; empty: all
  std::string layers_pattern;        // with layers: "layers"
};

// Under PEFT's rules, on a model with these module names (containers
// included), exactly the adapted modules are selected. `adapted` is a subset of
// `names`; both without repetitions. Deterministic; n log n in the names.
TargetChoice choose_targets(const std::vector<std::string>& adapted,
                            const std::vector<std::string>& names);

// For each of `adapted` its shortest dotted ending that no other of `names`
// has. Sorted, each once; a path whose endings all name others too stays whole.
std::vector<std::string> choose_endings(const std::vector<std::string>& adapted,
                                        const std::vector<std::string>& names);

// Keys of rank_pattern or alpha_pattern that hit each of `members` and none of
// `rivals`. Sorted. Which key comes first in the file does not matter.
std::vector<std::string> choose_keys(const std::vector<std::string>& members,
                                     const std::vector<std::string>& rivals);

}  // namespace graft
