// Facts about kinds of modules. Entry points: is_linear_kind, takes_adapter,
// layer_kind_name, ModuleInfo::name.
#include "graft/match/module_info.h"

#include "match/component_path_internal.h"

namespace graft {

bool is_linear_kind(LayerKind kind, bool te_available) {
  switch (kind) {
    case LayerKind::kLinear:
    case LayerKind::kColumnParallel:
    case LayerKind::kRowParallel:
      return true;
    case LayerKind::kTeColumn:
    case LayerKind::kTeLayerNormColumn:
    case LayerKind::kTeRow:
      return te_available;
    default:
      return false;
  }
}

bool takes_adapter(LayerKind kind) {
  return is_linear_kind(kind, true) || kind == LayerKind::kTeGrouped ||
         kind == LayerKind::kRouter;
}

std::string_view layer_kind_name(LayerKind kind) {
  switch (kind) {
    case LayerKind::kLinear:
      return "linear";
    case LayerKind::kColumnParallel:
      return "column_parallel";
    case LayerKind::kRowParallel:
      return "row_parallel";
    case LayerKind::kTeColumn:
      return "te_column";
    case LayerKind::kTeLayerNormColumn:
      return "te_layernorm_column";
    case LayerKind::kTeRow:
      return "te_row";
    case LayerKind::kTeGrouped:
      return "te_grouped";
    case LayerKind::kTeDuplicated:
      return "te_duplicated";
    case LayerKind::kConv1d:
      return "conv1d";
    case LayerKind::kConv2d:
      return "conv2d";
    case LayerKind::kEmbedding:
      return "embedding";
    case LayerKind::kNorm:
      return "norm";
    case LayerKind::kRouter:
      return "router";
    case LayerKind::kContainer:
      return "container";
    case LayerKind::kModuleList:
      return "module_list";
    case LayerKind::kModuleDict:
      return "module_dict";
    case LayerKind::kSequential:
      return "sequential";
  }
  return "unknown";
}

std::string_view ModuleInfo::name() const { return last_component(path); }

}  // namespace graft
