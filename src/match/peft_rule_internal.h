// A compiled rule in peft syntax, and what it says of single paths. Entry
// points: PeftRule, excluded_by, target_hits. Private to peft_rule*.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "match/peft_targets_internal.h"
#include "match/rule_run_internal.h"

namespace graft {

// rank_pattern or alpha_pattern.
template <typename Value>
struct PatternKeys {
  std::vector<std::pair<std::string, Value>> rows;  // the file's order
  PatternSet patterns;
  EntryIndex texts;
};

struct Excludes {
  std::optional<PatternSet> regex;
  EntryIndex endings;
  std::vector<std::pair<std::string, PatternRegex>> modules_to_save;
};

struct PeftRule {
  Rule rule;
  Excludes excludes;
  std::vector<PatternRegex> layers_patterns;  // tried in order; empty: unused
  PatternKeys<std::int64_t> ranks;
  PatternKeys<double> alphas;
};

// What takes a path out before targets are looked at, or nullopt. The excludes
// that did it are added to `used`.
std::optional<std::string> excluded_by(const PeftRule& rule,
                                       std::string_view path,
                                       std::vector<std::size_t>& used);

// Entries that hit, layers_to_transform included.
std::vector<std::size_t> target_hits(const PeftRule& rule,
                                     const PeftTargets& targets,
                                     const ModuleInfo& info,
                                     std::string_view path);

std::unique_ptr<RuleRun> start_peft_run(const PeftRule& rule,
                                        const Inventory& inventory);

}  // namespace graft
