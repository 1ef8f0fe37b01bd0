// What a site says of its module: names, rows, experts.
#include "match/site_maker_internal.h"

namespace graft {
namespace {

Site site_on(const ModuleInfo& info) {
  Site site;
  site.module = info.path;
  site.in = info.in;
  site.module_out = info.out;
  site.layer_kind = info.kind;
  site.layer = info.layer;
  site.expert = info.expert;
  return site;
}

// All experts of a grouped weight, or the one that the rows are of.
void add_expert(const ModuleInfo& info, std::size_t part, Site& site) {
  if (part == kWhole) {
    site.experts = info.experts;
    site.hf_parameter = info.hf_parameter;
  } else if (info.kind == LayerKind::kTeGrouped) {
    site.expert = site.rows.begin / (info.out / info.experts);
  }
}

void add_names(const ModuleInfo& info, std::size_t part, bool has_table,
               Site& site) {
  if (part != kWhole) {
    site.component = info.parts[part].component;
    site.hf_paths = {info.parts[part].path};
    site.hf_rows = {info.parts[part].rows};
    return;
  }
  for (const ModulePart& own : info.parts) {
    site.hf_paths.push_back(own.path);
    site.hf_rows.push_back(own.rows);
  }
  if (!info.parts.empty() || has_table) return;
  site.hf_paths = {info.path};
  site.hf_rows = {site.rows};
  // To transformers the weight of a router is a parameter.
  const bool router = info.kind == LayerKind::kRouter;
  if (router) site.hf_parameter = info.path + ".weight";
}

}  // namespace

RowSet rows_of_part(const ModuleInfo& info, std::size_t part) {
  return part == kWhole ? RowSet{0, info.out} : info.parts[part].rows;
}

Site make_site(const Inventory& inventory, std::size_t module,
               std::size_t part) {
  const ModuleInfo& info = inventory.modules[module];
  Site site = site_on(info);
  site.rows = rows_of_part(info, part);
  add_expert(info, part, site);
  add_names(info, part, inventory.has_family_table, site);
  return site;
}

Site make_site(const Inventory& inventory, const ParameterHit& hit) {
  Site site = site_on(inventory.modules[hit.module]);
  site.expert.reset();
  site.component = hit.component;
  site.parameter = hit.parameter;
  site.hf_parameter = hit.hf_path;
  site.experts = hit.experts;
  site.transposed = hit.transposed;
  site.hf_paths = {hit.hf_path};
  site.hf_rows = {hit.rows};
  site.rows = hit.rows;
  site.in = hit.in;
  // A linear layer's own weight has more rows than a part of it.
  const bool own = hit.parameter == "weight" && hit.experts == 1;
  if (!own) site.module_out = hit.rows.size();
  site.adapter = hit.adapter;
  site.scale = lora_scale(site.adapter);
  return site;
}

}  // namespace graft
