// ModuleMatcher: decides which modules get an adapter; the documented, mutable
// face of a Selector. Interface of Megatron-Bridge's
// `bridge.peft.module_matcher`. Entry point: ModuleMatcher.
#pragma once

#include <torch/nn/module.h>

#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/base/logger.h"
#include "graft/match/rule.h"

namespace graft {

// What a hit says. In exclude mode `pattern` is the module's own name. A null
// name stays null.
struct Match {
  std::optional<std::string> pattern;
  std::optional<std::string> full_name;

  bool operator==(const Match&) const = default;
};

// pattern -> components, in insertion order; assigning an existing key keeps
// its place.
class CanonicalMapping {
 public:
  using Value = std::pair<std::string, std::set<std::string>>;
  using const_iterator = std::vector<Value>::const_iterator;

  CanonicalMapping() = default;
  CanonicalMapping(std::initializer_list<Value> values);

  std::set<std::string>& operator[](const std::string& pattern);
  const_iterator find(std::string_view pattern) const;
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const_iterator begin() const { return values_.begin(); }
  const_iterator end() const { return values_.end(); }
  bool operator==(const CanonicalMapping&) const = default;

 private:
  std::vector<Value> values_;
};

// TE-style column, layer-norm column and row linears are compiled in.
constexpr bool have_te() { return true; }

class LiveEntries;    // private to src/peft
struct LiveQuestion;  // private to src/peft

// Named "graft.peft.module_matcher".
Logger& module_matcher_logger();

class ModuleMatcher {
 public:
  // Last component of the full name, a pattern of the whole of it, or in syntax
  // glob a kind ("kind=expert", "kind=expert:PATTERN"); default:
  // all linears of a Megatron transformer layer: linear_qkv (fused q, k, v
  // projection), linear_proj (attention output), linear_fc1 (first MLP
  // linear), linear_fc2 (second). nullopt or empty: exclude mode.
  std::optional<std::vector<std::string>> target_modules = {
      {"linear_qkv", "linear_proj", "linear_fc1", "linear_fc2"}};
  // Legal only in exclude mode.
  std::vector<std::string> exclude_modules;
  // Not empty: replaces target_modules for matching.
  CanonicalMapping canonical_mapping;
  // kGlob, or kMegatron: the reference bit for bit.
  PatternSyntax syntax = PatternSyntax::kGlob;
  // Whether the TE-style kinds take part in exclude mode.
  bool te_available = have_te();

  ModuleMatcher();
  ModuleMatcher(const ModuleMatcher&);
  ModuleMatcher& operator=(const ModuleMatcher&);
  virtual ~ModuleMatcher();

  // full_name is `prefix.name` when prefix is not empty, else name; a null name
  // below a prefix reads "None". Throws ConfigError with the reference's text
  // when exclude_modules is set outside exclude mode, and for a malformed
  // pattern when it is first tried.
  virtual std::optional<Match> match(
      const torch::nn::Module& m, std::optional<std::string_view> name = {},
      std::optional<std::string_view> prefix = {});

  // Associates what the user wrote with the pattern used for matching
  // ("linear_q" -> "linear_qkv" in CanonicalLora). A null argument does
  // nothing.
  void register_target_alias(std::optional<std::string_view> alias,
                             std::optional<std::string_view> pattern);

  // Called by Peft's call around its validation walk.
  // From the current target_modules, so later mutation counts.
  virtual void init_target_match_state();
  virtual void record_match(std::string_view pattern,
                            std::optional<std::string_view> full_name);
  // Forgets matches, keeps registrations.
  virtual void reset_target_match_state();
  // Logs the documented warning; silent when no alias is registered.
  virtual void validate_target_matches();

  // Aliases that no module was recorded for, by code point.
  std::vector<std::string> unmatched_aliases() const;

  // The bookkeeping, insertion-ordered as the reference's dictionaries.
  using AliasSets = std::vector<std::pair<std::string, std::set<std::string>>>;
  using AliasTable = std::vector<std::pair<std::string, std::string>>;
  const AliasSets& pattern_to_alias() const { return pattern_to_alias_; }
  const AliasTable& alias_to_pattern() const { return alias_to_pattern_; }
  const AliasSets& alias_matches() const { return alias_matches_; }

 private:
  std::optional<Match> match_not_excluded(
      const torch::nn::Module& m, std::optional<std::string_view> name,
      const std::optional<std::string>& full_name);
  std::optional<Match> first_hit(LiveEntries& compiled,
                                 const std::vector<std::string>& entries,
                                 const LiveQuestion& question);
  Match hit(const std::string& pattern,
            const std::optional<std::string>& full_name);
  void require_no_excludes(std::string_view mode) const;

  AliasSets pattern_to_alias_;
  AliasTable alias_to_pattern_;
  AliasSets alias_matches_;
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace graft
