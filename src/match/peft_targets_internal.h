// What HF PEFT's target_modules selects in one inventory. Entry points:
// hf_units, PeftTargets. Rules: docs/matching.md, "peft".
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/rule.h"
#include "match/entry_set_internal.h"
#include "match/pattern_regex_internal.h"
#include "match/peft_conversion_internal.h"
#include "match/rule_run_internal.h"

namespace graft {

struct HfParameter;

// From this many list entries on, PEFT replaces them by fewer endings, which
// changes what layers_to_transform filters.
inline constexpr std::size_t kCondensedFrom = 20;

// A module of the Hugging Face world: a module of the inventory or a part.
struct HfUnit {
  std::size_t part = kWhole;
  std::string_view path;
};
// Experts and routers of a family with a table are the modules that hold the
// parameters, or `experts_as_layers`: a part for each matrix of an expert.
std::vector<HfUnit> hf_units(const Inventory& inventory, std::size_t module,
                             bool experts_as_layers = false);

// Every module path that PEFT would see, containers and the root included.
std::set<std::string> hf_names(const Inventory& inventory,
                               bool experts_as_layers = false);

// Entries that a path equals or ends in, after a dot.
void add_dotted_endings(const EntryIndex& entries, std::string_view path,
                        std::vector<std::size_t>& hits);

class PeftTargets {
 public:
  // Without an inventory: names alone, no defaults. Throws ConfigError when the
  // rule names no targets and none are known for the family, for an empty text
  // among 20 or more, and for half of a fused pair of experts. `allows`: the
  // path is not excluded (asked when a string is turned into names).
  PeftTargets(const Rule& rule, const Inventory* inventory,
              const PathPredicate& allows);

  // What the user wrote: targets, or the family's defaults, then parameters.
  const std::vector<std::string>& entries() const { return entries_; }
  const std::vector<PeftEntry>& parameters() const { return parameters_; }
  // Parameters that get twice the rank and alpha.
  const std::vector<std::string>& fused() const { return fused_; }
  // Nothing is left of target_modules.
  bool has_no_modules() const;
  // Before layers_to_transform.
  std::vector<std::size_t> hits(const ModuleInfo& info,
                                std::string_view path) const;
  // Hit by its full path, which layers_to_transform does not filter.
  bool is_exact(std::string_view path) const;
  // Whether a string that was replaced by last names does not match the path,
  // or any name that the parameter's layer has or once had.
  bool is_beyond_string(std::string_view path) const;
  bool is_beyond_string(const HfParameter& parameter) const;

 private:
  void add_list();
  void add_parameters(const Rule& rule);
  // False when PEFT leaves the targets as they are.
  bool convert_experts(const Inventory& inventory, bool regex,
                       const PathPredicate& allows);
  void add_modules(const std::vector<PeftEntry>& modules);
  void condense(const Inventory& inventory);

  std::vector<std::string> entries_;
  bool experts_as_layers_ = false;
  std::size_t target_count_ = 0;  // of entries_, before the parameters
  std::vector<PeftEntry> parameters_;
  std::vector<std::string> fused_;
  std::optional<PatternSet> regex_;     // the one entry, when it is a string
  std::optional<PatternSet> replaced_;  // the string that became last names
  const ExpertWords* words_ = nullptr;  // of what was converted
  EntryIndex by_text_;
  std::vector<std::size_t> all_linear_;
  bool has_linear_ = true;  // a layer that all-linear takes
  std::unordered_set<std::string, TextHash, std::equal_to<>> exact_;
};

}  // namespace graft
