// The plan for programs. Entry points: both plan_to_json. Schema:
// docs/formats/plan.md.
#include <nlohmann/json.hpp>

#include "graft/match/plan.h"
#include "graft/match/plan_answers.h"
#include "match/folded_path_internal.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json();
}

// Null in a plan of bare names.
Json size_json(const Site& site, std::int64_t value) {
  return site.has_shape() ? Json(value) : Json();
}

Json rows_json(const RowSet& rows) { return {rows.begin, rows.end}; }

Json adapter_json(const Site& site) {
  return {{"kind", adapter_kind_name(site.adapter.kind)},
          {"rank", site.adapter.rank},
          {"alpha", site.adapter.alpha},
          {"rslora", site.adapter.rslora},
          {"scale", site.scale},
          {"dropout", site.adapter.dropout},
          {"init", adapter_init_name(site.adapter.init)}};
}

bool is_of_experts(const Site& site) {
  return site.layer_kind == LayerKind::kTeGrouped && site.component.empty();
}

Json site_json(const Site& site) {
  Json hf = Json::array();
  for (std::size_t i = 0; i < site.hf_paths.size(); ++i) {
    hf.push_back(
        {{"path", site.hf_paths[i]}, {"rows", rows_json(site.hf_rows[i])}});
  }
  Json out{{"path", site.path()},
           {"module", site.module},
           {"component", site.component},
           {"hf", std::move(hf)},
           {"rows", rows_json(site.rows)},
           {"in", size_json(site, site.in)},
           {"out", size_json(site, site.rows_of_expert())},
           {"module_out", size_json(site, site.module_out)},
           {"layer_kind", layer_kind_name(site.layer_kind)},
           {"layer", or_null(site.layer)},
           {"expert", or_null(site.expert)},
           {"rule", site.rule},
           {"entry", site.pattern},
           {"adapter", adapter_json(site)},
           {"parameters", size_json(site, site.parameter_count())}};
  if (!site.parameter.empty()) out["parameter"] = site.parameter;
  if (!site.hf_parameter.empty()) out["hf_parameter"] = site.hf_parameter;
  if (!site.parameter.empty() || is_of_experts(site)) {
    out["experts"] = site.experts;
  }
  return out;
}

// Layers x experts, each block exact.
Json blocks_json(const Plan& plan, const EntryReport& report) {
  FoldedPaths folded;
  for (const std::size_t i : report.sites) {
    const Site& site = plan.sites[i];
    folded.add(fold_path(site.path(), site.layer, site.expert), site.layer,
               site.expert);
  }
  Json out = Json::array();
  for (const auto& [path, grid] : folded.all()) {
    for (const LayerBlock& block : grid.blocks()) {
      out.push_back({{"path", path},
                     {"layers", compress_layers(block.layers)},
                     {"experts", compress_layers(block.experts)},
                     {"modules", block.count}});
    }
  }
  return out;
}

Json entry_json(const Plan& plan, const EntryReport& report) {
  std::vector<std::int64_t> layers;
  std::vector<std::int64_t> experts;
  for (const std::size_t site : report.sites) {
    const auto& layer = plan.sites[site].layer;
    const auto& expert = plan.sites[site].expert;
    if (layer) layers.push_back(*layer);
    if (expert) experts.push_back(*expert);
  }
  Json suggestions = Json::array();
  for (std::size_t i = 0; i < report.suggestions.size(); ++i) {
    const bool counted = i < report.suggestion_counts.size();
    suggestions.push_back(
        {{"entry", report.suggestions[i]},
         {"modules", counted ? report.suggestion_counts[i] : 0}});
  }
  Json out{{"rule", report.rule},
           {"entry", report.entry},
           {"hits", report.sites.size()},
           {"layers", compress_layers(std::move(layers))},
           {"experts", compress_layers(std::move(experts))},
           {"blocks", blocks_json(plan, report)},
           {"adapt", report.adapt},
           {"held", report.held},
           {"shadowed", report.shadowed},
           {"excluded", report.excluded},
           {"refusal", report.refusal},
           {"suggestions", std::move(suggestions)},
           {"suggestion_world", report.suggestion_world}};
  if (!report.place.empty()) out["place"] = report.place;
  return out;
}

Json trial_json(const EntryTrial& trial) {
  return {{"rule", trial.rule},
          {"entry", trial.entry},
          {"place", trial.place},
          {"path", trial.path},
          {"outcome", trial_outcome_name(trial.outcome)},
          {"reason", trial.reason}};
}

Json explanation_json(const Explanation& given) {
  Json out{{"asked", given.asked},
           {"path", given.path},
           {"module", given.module},
           {"hf", given.hf_paths},
           {"same_as", given.same_as},
           {"layer_kind", layer_kind_name(given.layer_kind)},
           {"output_head", given.output_head},
           {"rows", rows_json(given.rows)},
           {"in", given.in > 0 ? Json(given.in) : Json()},
           {"layer", or_null(given.layer)},
           {"expert", or_null(given.expert)},
           {"takes_adapters", given.takes_adapters},
           {"sites", Json::array()},
           {"trials", Json::array()},
           {"nearest", Json::array()}};
  for (const Site& site : given.sites) out["sites"].push_back(site_json(site));
  for (const EntryTrial& trial : given.trials) {
    out["trials"].push_back(trial_json(trial));
  }
  for (const NearEntry& near : given.nearest) {
    out["nearest"].push_back({{"rule", near.rule},
                              {"entry", near.entry},
                              {"place", near.place},
                              {"reason", near.reason}});
  }
  return out;
}

Json diff_json(const PlanDiff& diff) {
  Json out{{"from", diff.from},
           {"to", diff.to},
           {"from_parameters", diff.from_parameters},
           {"to_parameters", diff.to_parameters},
           {"gained", Json::array()},
           {"lost", Json::array()},
           {"changed", Json::array()}};
  for (const Site& site : diff.gained) {
    out["gained"].push_back(site_json(site));
  }
  for (const Site& site : diff.lost) out["lost"].push_back(site_json(site));
  for (const auto& [from, to] : diff.changed) {
    out["changed"].push_back({{"path", from.path()},
                              {"from", adapter_json(from)},
                              {"to", adapter_json(to)}});
  }
  return out;
}

Json plan_json(const Plan& plan) {
  const bool known = plan.has_shapes();
  Json out{{"schema", "graft.plan/1"},
           {"source", plan.source},
           {"model_type", plan.model_type ? Json(*plan.model_type) : Json()},
           {"has_family_table", plan.has_family_table},
           {"base_parameters", plan.base_parameters},
           {"trainable_parameters",
            known ? Json(plan.trainable_parameters()) : Json()},
           {"entries", Json::array()},
           {"sites", Json::array()},
           {"exclusions", Json::array()},
           {"warnings", plan.warnings}};
  if (!plan.table_problem.empty()) out["table_problem"] = plan.table_problem;
  for (const EntryReport& report : plan.entries) {
    out["entries"].push_back(entry_json(plan, report));
  }
  for (const Site& site : plan.sites) out["sites"].push_back(site_json(site));
  for (const Exclusion& exclusion : plan.exclusions) {
    out["exclusions"].push_back(
        {{"path", exclusion.path}, {"reason", exclusion.reason}});
  }
  for (const DotDifference& difference : plan.dot_differences) {
    out["dot_differences"].push_back(
        {{"rule", difference.rule},
         {"entry", difference.entry},
         {"is_exclude", difference.is_exclude},
         {"only_reference", difference.only_reference},
         {"only_literal", difference.only_literal}});
  }
  return out;
}

// Names that are not UTF-8 are shown with a replacement character.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace

std::string plan_to_json(const Plan& plan) { return dump(plan_json(plan)); }

std::string plan_to_json(const Plan& plan, const PlanAnswers& answers) {
  Json out = plan_json(plan);
  for (const Explanation& explanation : answers.explanations) {
    out["explanations"].push_back(explanation_json(explanation));
  }
  if (answers.diff) out["diff"] = diff_json(*answers.diff);
  return dump(out);
}

}  // namespace graft
