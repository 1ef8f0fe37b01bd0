// What is adapted: the single truth that training, saving, merging, exporting
// and the printed table read. Entry points: Plan, plan_to_text, plan_to_json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/row_set.h"
#include "graft/match/module_info.h"
#include "graft/match/rule.h"

namespace graft {

// One adapter: a pair A (rank, in), B (rows, rank) on rows of one module. On
// the weights of many experts, one below another: a pair for each expert, A
// (experts * rank, in) and B (rows, rank) in the order of the experts.
struct Site {
  std::string module;                 // ModuleInfo::path
  std::string component;              // "linear_q", ...; empty: whole module
  std::vector<std::string> hf_paths;  // HF modules it covers, in row order
  std::vector<RowSet> hf_rows;        // their rows, within the module's rows
  RowSet rows;                        // rows of the module's weight
  std::int64_t in = 0;
  std::int64_t module_out = 0;  // all rows of the module
  LayerKind layer_kind = LayerKind::kLinear;
  std::optional<std::int64_t> layer;
  std::optional<std::int64_t> expert;
  std::string parameter;     // "down_proj": on this parameter of the module
                             // (target_parameters); empty: on the layer
  std::string hf_parameter;  // the whole weight as HF PEFT's
                             // target_parameters names it, where it does
  std::int64_t experts = 1;  // of `rows`, all alike
  bool transposed = false;   // the parameter is stored (experts, in, rows)
  std::size_t rule = 0;      // index of the rule that won
  std::string pattern;       // the entry that won
  AdapterSettings adapter;   // rank and alpha after the patterns
  double scale = 1.0;        // lora_scale(adapter)

  // False in a plan of bare names: sizes and parameters are unknown.
  bool has_shape() const { return in > 0; }
  std::int64_t rows_of_expert() const { return rows.size() / experts; }
  // rank * (experts * in + rows); plus rows for DoRA's magnitude. 0 without a
  // shape.
  std::int64_t parameter_count() const;
  // module, or module's parent + component, and the parameter: unique within a
  // plan.
  std::string path() const;
};

struct EntryReport {
  std::size_t rule = 0;
  std::string entry;
  std::string place;               // Rule::places, if known
  std::vector<std::size_t> sites;  // indices of the sites it won
  std::size_t shadowed = 0;        // hits that an earlier entry won
  std::size_t excluded = 0;        // hits that an exclude took away
  // False: an entry of a rule with adapt: false, which holds `held` hits back
  // from later rules and has no sites.
  bool adapt = true;
  std::size_t held = 0;
  std::vector<std::string> suggestions;        // nearest names when nothing hit
  std::vector<std::size_t> suggestion_counts;  // modules that each would hit
  // The naming world that has them, when the entry is a word of the other one:
  // "Hugging Face" or "Megatron"; else empty.
  std::string suggestion_world;
  // Why what it names takes no adapter ("it names 57 modules of kind norm");
  // empty when it names nothing.
  std::string refusal;
};

struct Exclusion {
  std::string path;
  std::string reason;  // "exclude entry 'lm_head'", "output head", ...
};

// Why a rule in peft syntax selected nothing at all: HF PEFT's four cases.
struct EmptyRule {
  enum class Cause {
    kAllExcluded,  // every module of the model is excluded
    kNoTargets,    // neither target_modules nor target_parameters
    kNotFound,     // no module fits target_modules
    kMixed,        // some are excluded, the others do not fit
  };
  std::size_t rule = 0;
  Cause cause = Cause::kMixed;
  std::string text;  // one sentence
};

// Where syntax megatron, in which a dot is any character, and the same entry
// with literal dots disagree. Paths as the inventory has them, in its order.
struct DotDifference {
  std::size_t rule = 0;
  std::string entry;
  bool is_exclude = false;
  std::vector<std::string> only_reference;  // hit only with dots as any
  std::vector<std::string> only_literal;    // hit only with literal dots
};

struct Plan {
  std::string source;
  std::optional<std::string> model_type;
  bool has_family_table = false;
  std::string table_problem;  // Inventory::table_problem
  std::uint64_t base_parameters = 0;
  std::vector<Site> sites;  // inventory order, then row order
  std::vector<EntryReport> entries;
  std::vector<Exclusion> exclusions;
  std::vector<EmptyRule> empty_rules;
  // Modules that modules_to_save would train as full copies.
  std::vector<std::string> full_copies;
  std::vector<DotDifference> dot_differences;
  std::vector<std::string> warnings;

  // False when some site has no shape.
  bool has_shapes() const;
  std::uint64_t trainable_parameters() const;
};

// Throws ConfigError when the plan holds what graft selects but cannot save or
// merge yet: adapters on transposed parameters and full copies of modules.
void refuse_unsupported_sites(const Plan& plan, std::string_view operation);

// "0-31", "0,2,4-10"; empty for none.
std::string compress_layers(std::vector<std::int64_t> layers);

// The table that `graft plan` prints; at most 100 columns unless a name or an
// entry is longer.
std::string plan_to_text(const Plan& plan);
// Schema "graft.plan/1", documented in docs/formats/plan.md.
std::string plan_to_json(const Plan& plan);

// Throws ConfigError naming every entry that a person wrote and that selected
// nothing (unless its rule allows it), with suggestions; the others are
// returned as warnings.
std::vector<std::string> check_unmatched(const Plan& plan,
                                         const std::vector<Rule>& rules);

}  // namespace graft
