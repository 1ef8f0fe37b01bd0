// The plan for programs. Entry point: plan_to_json. Schema:
// docs/formats/plan.md.
#include <nlohmann/json.hpp>

#include "graft/match/plan.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<std::int64_t>& value) {
  return value ? Json(*value) : Json();
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
           {"in", site.in},
           {"out", site.rows.size()},
           {"module_out", site.module_out},
           {"layer_kind", layer_kind_name(site.layer_kind)},
           {"layer", or_null(site.layer)},
           {"expert", or_null(site.expert)},
           {"rule", site.rule},
           {"entry", site.pattern},
           {"adapter", adapter_json(site)},
           {"parameters", site.parameter_count()}};
  if (!site.parameter.empty()) {
    out["parameter"] = site.parameter;
    out["experts"] = site.experts;
  }
  return out;
}

Json entry_json(const Plan& plan, const EntryReport& report) {
  std::vector<std::int64_t> layers;
  for (const std::size_t site : report.sites) {
    const auto& layer = plan.sites[site].layer;
    if (layer) layers.push_back(*layer);
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
           {"shadowed", report.shadowed},
           {"excluded", report.excluded},
           {"refusal", report.refusal},
           {"suggestions", std::move(suggestions)}};
  if (!report.place.empty()) out["place"] = report.place;
  return out;
}

}  // namespace

std::string plan_to_json(const Plan& plan) {
  Json out{{"schema", "graft.plan/1"},
           {"source", plan.source},
           {"model_type", plan.model_type ? Json(*plan.model_type) : Json()},
           {"has_family_table", plan.has_family_table},
           {"base_parameters", plan.base_parameters},
           {"trainable_parameters", plan.trainable_parameters()},
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
  // Names that are not UTF-8 are shown with a replacement character.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace graft
