// What selection needs to know, read off a live module tree. Entry point:
// make_inventory.
#include <ATen/core/Tensor.h>

#include <unordered_map>
#include <utility>

#include "graft/base/dtype.h"
#include "graft/nn/embedding.h"
#include "graft/nn/linear_slot.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/peft.h"
#include "match/folded_path_internal.h"
#include "peft/live_inventory_internal.h"
#include "peft/module_walk_internal.h"

namespace graft {
namespace {

std::optional<DType> dtype_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return DType::kF32;
    case at::kBFloat16:
      return DType::kBF16;
    case at::kHalf:
      return DType::kF16;
    case at::kDouble:
      return DType::kF64;
    default:
      return std::nullopt;
  }
}

void describe_slot(const nn::LinearSlot& slot, ModuleInfo& info) {
  info.in = slot.in();
  info.out = slot.out();
  info.has_bias = slot.bias().defined();
  info.output_head = slot.is_output_head();
  if (const auto* grouped = dynamic_cast<const nn::TeGroupedLinear*>(&slot)) {
    info.experts = grouped->experts();
  }
  info.dtype = dtype_of(slot.is_frozen() ? slot.frozen()->storage_type()
                                         : slot.weight().scalar_type());
  for (const nn::RowComponent& part : slot.components()) {
    info.parts.push_back({{}, part.name, part.rows});
  }
}

// Sizes of layers that are no slots, from their weight (out, in, ...).
void describe_weight(const torch::nn::Module& module, ModuleInfo& info) {
  for (const auto& item : module.named_parameters(false)) {
    if (item.key() == "bias" && item.value().defined()) info.has_bias = true;
    if (item.key() != "weight" || !item.value().defined()) continue;
    info.dtype = dtype_of(item.value().scalar_type());
    if (item.value().dim() < 2) continue;
    info.out = item.value().size(0);
    info.in = item.value().size(1);
  }
  // An embedding's rows are its inputs.
  if (info.kind == LayerKind::kEmbedding) std::swap(info.in, info.out);
}

void describe_embedding(const nn::Embedding& table, ModuleInfo& info) {
  info.in = table.vocabulary();
  info.out = table.width();
  if (table.frozen()) info.dtype = dtype_of(table.frozen()->storage_type());
}

const nn::FrozenWeight* frozen_or_null(const torch::nn::Module& module) {
  if (const auto* slot = dynamic_cast<const nn::LinearSlot*>(&module)) {
    // A frozen own weight is still among the parameters.
    const bool own = slot->named_parameters(false).contains("weight");
    return own ? nullptr : slot->frozen().get();
  }
  const auto* table = dynamic_cast<const nn::Embedding*>(&module);
  return table == nullptr ? nullptr : table->frozen().get();
}

}  // namespace

std::uint64_t ParameterCounter::count_new(const void* weight,
                                          std::int64_t elements) {
  return seen_.insert(weight).second ? static_cast<std::uint64_t>(elements) : 0;
}

std::uint64_t ParameterCounter::count_direct(const torch::nn::Module& module) {
  std::uint64_t count = 0;
  if (const nn::FrozenWeight* weight = frozen_or_null(module)) {
    count += count_new(weight, weight->in() * weight->out());
  }
  for (const auto& item : module.named_parameters(false)) {
    const at::Tensor& tensor = item.value();
    if (!tensor.defined()) continue;
    count += count_new(tensor.unsafeGetTensorImpl(), tensor.numel());
  }
  return count;
}

ModuleInfo describe_module(const WalkStep& step, ParameterCounter& counter) {
  ModuleInfo info;
  info.path = step.path();
  info.kind = step.kind;
  info.layer = step.layer;
  info.expert = path_numbers(info.path).expert;
  info.parameter_count = counter.count_direct(step.module);
  if (const auto* slot = dynamic_cast<const nn::LinearSlot*>(&step.module)) {
    describe_slot(*slot, info);
    return info;
  }
  describe_weight(step.module, info);
  if (const auto* table = dynamic_cast<const nn::Embedding*>(&step.module)) {
    describe_embedding(*table, info);
  }
  return info;
}

std::uint64_t count_parameters(const torch::nn::Module& model) {
  std::uint64_t count = 0;
  ParameterCounter counter;
  walk_modules(model, [&](const WalkStep& step) {
    count += counter.count_direct(step.module);
    return false;
  });
  return count;
}

Inventory make_inventory(const torch::nn::Module& model) {
  Inventory inventory;
  inventory.source = "live model";
  std::unordered_map<const torch::nn::Module*, std::size_t> seen;
  ParameterCounter counter;
  walk_modules(model, [&](const WalkStep& step) {
    ModuleInfo info = describe_module(step, counter);
    inventory.total_parameters += info.parameter_count;
    const auto [first, is_new] =
        seen.try_emplace(&step.module, inventory.modules.size());
    if (!is_new) info.same_as = first->second;
    if (step.name) inventory.modules.push_back(std::move(info));
    // As if selected: a shared module is listed under each of its parents.
    return true;
  });
  return inventory;
}

}  // namespace graft
