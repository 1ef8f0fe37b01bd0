// The plan for programs. Entry points: both plan_to_json. Schema:
// docs/formats/plan.md.
#include "graft/match/plan.h"
#include "graft/match/plan_answers.h"
#include "match/folded_path_internal.h"
#include "match/json_writer_internal.h"

namespace graft {
namespace {

// Null in a plan of bare names.
void write_size(JsonWriter& out, const char* key, const Site& site,
                std::int64_t value) {
  out.key(key);
  site.has_shape() ? out.value(value) : out.null();
}

void write_rows(JsonWriter& out, const RowSet& rows) {
  out.key("rows");
  out.begin_list();
  out.value(rows.begin);
  out.value(rows.end);
  out.end_list();
}

void write_adapter(JsonWriter& out, const char* key, const Site& site) {
  const AdapterSettings& adapter = site.adapter;
  out.key(key);
  out.begin_object();
  out.field("kind", adapter_kind_name(adapter.kind));
  out.field("rank", adapter.rank);
  out.field("alpha", adapter.alpha);
  out.field("rslora", adapter.rslora);
  out.field("scale", site.scale);
  out.field("dropout", adapter.dropout);
  out.field("init", adapter_init_name(adapter.init));
  out.end_object();
}

bool is_of_experts(const Site& site) {
  return site.layer_kind == LayerKind::kTeGrouped && site.component.empty();
}

void write_hf(JsonWriter& out, const Site& site) {
  out.key("hf");
  out.begin_list();
  for (std::size_t i = 0; i < site.hf_paths.size(); ++i) {
    out.begin_object();
    out.field("path", site.hf_paths[i]);
    write_rows(out, site.hf_rows[i]);
    out.end_object();
  }
  out.end_list();
}

void write_site(JsonWriter& out, const Site& site) {
  out.begin_object();
  out.field("path", site.path());
  out.field("module", site.module);
  out.field("component", site.component);
  write_hf(out, site);
  write_rows(out, site.rows);
  write_size(out, "in", site, site.in);
  write_size(out, "out", site, site.rows_of_expert());
  write_size(out, "module_out", site, site.module_out);
  out.field("layer_kind", layer_kind_name(site.layer_kind));
  out.field("layer", site.layer);
  out.field("expert", site.expert);
  out.field("rule", site.rule);
  out.field("entry", site.pattern);
  write_adapter(out, "adapter", site);
  write_size(out, "parameters", site, site.parameter_count());
  if (!site.parameter.empty()) out.field("parameter", site.parameter);
  if (!site.hf_parameter.empty()) out.field("hf_parameter", site.hf_parameter);
  if (!site.parameter.empty() || is_of_experts(site)) {
    out.field("experts", site.experts);
  }
  out.end_object();
}

template <typename Items, typename Write>
void write_list(JsonWriter& out, const char* key, const Items& items,
                const Write& write) {
  out.key(key);
  out.begin_list();
  for (const auto& item : items) write(out, item);
  out.end_list();
}

// Layers x experts, each block exact.
void write_blocks(JsonWriter& out, const Plan& plan,
                  const EntryReport& report) {
  FoldedPaths folded;
  for (const std::size_t i : report.sites) {
    const Site& site = plan.sites[i];
    folded.add(fold_path(site.path(), site.layer, site.expert), site.layer,
               site.expert);
  }
  out.key("blocks");
  out.begin_list();
  for (const auto& [path, grid] : folded.all()) {
    for (const LayerBlock& block : grid.blocks()) {
      out.begin_object();
      out.field("path", path);
      out.field("layers", compress_layers(block.layers));
      out.field("experts", compress_layers(block.experts));
      out.field("modules", block.count);
      out.end_object();
    }
  }
  out.end_list();
}

void write_suggestions(JsonWriter& out, const EntryReport& report) {
  out.key("suggestions");
  out.begin_list();
  for (std::size_t i = 0; i < report.suggestions.size(); ++i) {
    const bool counted = i < report.suggestion_counts.size();
    out.begin_object();
    out.field("entry", report.suggestions[i]);
    out.field("modules", counted ? report.suggestion_counts[i] : 0);
    out.end_object();
  }
  out.end_list();
  out.field("suggestion_world", report.suggestion_world);
}

void write_entry(JsonWriter& out, const Plan& plan, const EntryReport& report) {
  std::vector<std::int64_t> layers;
  std::vector<std::int64_t> experts;
  for (const std::size_t site : report.sites) {
    const auto& layer = plan.sites[site].layer;
    const auto& expert = plan.sites[site].expert;
    if (layer) layers.push_back(*layer);
    if (expert) experts.push_back(*expert);
    // One adapter on them all.
    const std::int64_t all = plan.sites[site].experts;
    for (std::int64_t i = 0; all > 1 && i < all; ++i) experts.push_back(i);
  }
  out.begin_object();
  out.field("rule", report.rule);
  out.field("entry", report.entry);
  out.field("hits", report.sites.size());
  out.field("layers", compress_layers(std::move(layers)));
  out.field("experts", compress_layers(std::move(experts)));
  write_blocks(out, plan, report);
  out.field("adapt", report.adapt);
  out.field("held", report.held);
  out.field("shadowed", report.shadowed);
  out.field("excluded", report.excluded);
  out.field("refusal", report.refusal);
  write_suggestions(out, report);
  if (!report.place.empty()) out.field("place", report.place);
  out.end_object();
}

void write_trial(JsonWriter& out, const EntryTrial& trial) {
  out.begin_object();
  out.field("rule", trial.rule);
  out.field("entry", trial.entry);
  out.field("place", trial.place);
  out.field("path", trial.path);
  out.field("outcome", trial_outcome_name(trial.outcome));
  out.field("reason", trial.reason);
  out.end_object();
}

void write_near(JsonWriter& out, const NearEntry& near) {
  out.begin_object();
  out.field("rule", near.rule);
  out.field("entry", near.entry);
  out.field("place", near.place);
  out.field("reason", near.reason);
  out.end_object();
}

void write_explanation(JsonWriter& out, const Explanation& given) {
  out.begin_object();
  out.field("asked", given.asked);
  out.field("path", given.path);
  out.field("module", given.module);
  out.field("hf", given.hf_paths);
  out.field("same_as", given.same_as);
  out.field("layer_kind", layer_kind_name(given.layer_kind));
  out.field("output_head", given.output_head);
  write_rows(out, given.rows);
  out.key("in");
  given.in > 0 ? out.value(given.in) : out.null();
  out.field("layer", given.layer);
  out.field("expert", given.expert);
  out.field("takes_adapters", given.takes_adapters);
  write_list(out, "sites", given.sites, write_site);
  write_list(out, "trials", given.trials, write_trial);
  write_list(out, "nearest", given.nearest, write_near);
  out.end_object();
}

void write_diff(JsonWriter& out, const PlanDiff& diff) {
  out.key("diff");
  out.begin_object();
  out.field("from", diff.from);
  out.field("to", diff.to);
  out.field("from_parameters", diff.from_parameters);
  out.field("to_parameters", diff.to_parameters);
  write_list(out, "gained", diff.gained, write_site);
  write_list(out, "lost", diff.lost, write_site);
  write_list(out, "changed", diff.changed,
             [](JsonWriter& json, const auto& change) {
               json.begin_object();
               json.field("path", change.first.path());
               write_adapter(json, "from", change.first);
               write_adapter(json, "to", change.second);
               json.end_object();
             });
  out.end_object();
}

void write_exclusion(JsonWriter& out, const Exclusion& exclusion) {
  out.begin_object();
  out.field("path", exclusion.path);
  out.field("reason", exclusion.reason);
  out.end_object();
}

const char* cause_name(EmptyRule::Cause cause) {
  switch (cause) {
    case EmptyRule::Cause::kAllExcluded:
      return "all_excluded";
    case EmptyRule::Cause::kNoTargets:
      return "no_targets";
    case EmptyRule::Cause::kNotFound:
      return "not_found";
    case EmptyRule::Cause::kMixed:
      break;
  }
  return "mixed";
}

void write_empty_rule(JsonWriter& out, const EmptyRule& rule) {
  out.begin_object();
  out.field("rule", rule.rule);
  out.field("cause", cause_name(rule.cause));
  out.field("text", rule.text);
  out.end_object();
}

void write_difference(JsonWriter& out, const DotDifference& difference) {
  out.begin_object();
  out.field("rule", difference.rule);
  out.field("entry", difference.entry);
  out.field("is_exclude", difference.is_exclude);
  out.field("only_reference", difference.only_reference);
  out.field("only_literal", difference.only_literal);
  out.end_object();
}

// The keys that are there only when they say something.
void write_rare_lists(JsonWriter& out, const Plan& plan) {
  if (!plan.full_copies.empty()) out.field("full_copies", plan.full_copies);
  if (!plan.empty_rules.empty()) {
    write_list(out, "empty_rules", plan.empty_rules, write_empty_rule);
  }
  if (!plan.dot_differences.empty()) {
    write_list(out, "dot_differences", plan.dot_differences, write_difference);
  }
}

// The keys of the root object.
void write_plan(JsonWriter& out, const Plan& plan) {
  out.field("schema", "graft.plan/1");
  out.field("source", plan.source);
  out.field("model_type", plan.model_type);
  out.field("has_family_table", plan.has_family_table);
  if (!plan.table_problem.empty()) {
    out.field("table_problem", plan.table_problem);
  }
  out.field("base_parameters", plan.base_parameters);
  out.key("trainable_parameters");
  plan.has_shapes() ? out.value(plan.trainable_parameters()) : out.null();
  write_list(out, "entries", plan.entries,
             [&plan](JsonWriter& json, const EntryReport& report) {
               write_entry(json, plan, report);
             });
  write_list(out, "sites", plan.sites, write_site);
  write_list(out, "exclusions", plan.exclusions, write_exclusion);
  out.field("warnings", plan.warnings);
  write_rare_lists(out, plan);
}

}  // namespace

std::string plan_to_json(const Plan& plan) { return plan_to_json(plan, {}); }

std::string plan_to_json(const Plan& plan, const PlanAnswers& answers) {
  JsonWriter out;
  out.begin_object();
  write_plan(out, plan);
  if (!answers.explanations.empty()) {
    write_list(out, "explanations", answers.explanations, write_explanation);
  }
  if (answers.diff) write_diff(out, *answers.diff);
  out.end_object();
  return out.take();
}

}  // namespace graft
