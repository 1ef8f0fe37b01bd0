// One row per class that is known by type. Entry point: layer_kind_of. LibTorch
// layer headers stay in this file: they are slow to compile.
#include "graft/peft/layer_kind.h"

#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "graft/nn/embedding.h"
#include "graft/nn/linear_slot.h"
#include "graft/nn/rms_norm.h"
#include "graft/nn/te_linear.h"
#include "peft/module_walk_internal.h"

namespace graft {
namespace {

template <typename Class>
bool is_a(const torch::nn::Module& module) {
  return dynamic_cast<const Class*>(&module) != nullptr;
}

struct KindRow {
  bool (*matches)(const torch::nn::Module&);
  LayerKind kind;
};

// Derived classes stand before their bases.
constexpr KindRow kKinds[] = {
    {is_a<nn::ColumnParallelLinear>, LayerKind::kColumnParallel},
    {is_a<nn::RowParallelLinear>, LayerKind::kRowParallel},
    {is_a<nn::TeColumnParallelLinear>, LayerKind::kTeColumn},
    {is_a<nn::TeLayerNormColumnParallelLinear>, LayerKind::kTeLayerNormColumn},
    {is_a<nn::TeRowParallelLinear>, LayerKind::kTeRow},
    {is_a<nn::TeGroupedLinear>, LayerKind::kTeGrouped},
    {is_a<nn::TeDuplicatedLinear>, LayerKind::kTeDuplicated},
    {is_a<nn::Router>, LayerKind::kRouter},
    {is_a<nn::LinearSlot>, LayerKind::kLinear},
    {is_a<torch::nn::LinearImpl>, LayerKind::kLinear},
    {is_a<nn::Embedding>, LayerKind::kEmbedding},
    {is_a<torch::nn::EmbeddingImpl>, LayerKind::kEmbedding},
    {is_a<nn::RmsNorm>, LayerKind::kNorm},
    {is_a<torch::nn::LayerNormImpl>, LayerKind::kNorm},
    {is_a<torch::nn::GroupNormImpl>, LayerKind::kNorm},
    {is_a<torch::nn::Conv1dImpl>, LayerKind::kConv1d},
    {is_a<torch::nn::Conv2dImpl>, LayerKind::kConv2d},
    {is_a<torch::nn::ModuleListImpl>, LayerKind::kModuleList},
    {is_a<torch::nn::ModuleDictImpl>, LayerKind::kModuleDict},
    {is_a<torch::nn::SequentialImpl>, LayerKind::kSequential},
};

LayerKind kind_by_class(const torch::nn::Module& module) {
  for (const KindRow& row : kKinds) {
    if (row.matches(module)) return row.kind;
  }
  return LayerKind::kContainer;
}

}  // namespace

LayerKind layer_kind_of(const torch::nn::Module& module) {
  if (const auto* declared = dynamic_cast<const HasLayerKind*>(&module)) {
    return declared->layer_kind();
  }
  return kind_by_class(module);
}

bool is_output_head(const torch::nn::Module& module) {
  const auto* slot = dynamic_cast<const nn::LinearSlot*>(&module);
  return slot != nullptr && slot->is_output_head();
}

LayerKind KindReader::kind_of(const torch::nn::Module& module) {
  if (const auto* declared = dynamic_cast<const HasLayerKind*>(&module)) {
    return declared->layer_kind();
  }
  const auto [found, is_new] =
      kinds_.try_emplace(typeid(module), LayerKind::kContainer);
  if (is_new) found->second = kind_by_class(module);
  return found->second;
}

}  // namespace graft
