// Attaching a plan to a live model, and the switches over what is attached.
// Entry points: inject, adapters_of, remove_adapters, set_adapters_enabled.
#include "graft/peft/inject.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "graft/base/error.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/layer_kind.h"
#include "peft/adapted_linear_internal.h"
#include "peft/adapter_init_internal.h"
#include "peft/inject_internal.h"
#include "peft/live_slots_internal.h"

namespace graft {
namespace {

constexpr const char* kChild = "adapters";

using SlotRows = std::unordered_map<const nn::LinearSlot*, std::vector<RowSet>>;

std::string rows_text(RowSet rows) {
  return std::to_string(rows.begin) + ".." + std::to_string(rows.end);
}

std::string quoted(const std::string& name) {
  std::string text(1, '\'');
  text.append(name).push_back('\'');
  return text;
}

std::string no_slot_text(const SlotIndex& index, const std::string& path) {
  const torch::nn::Module* module = index.module_or_null(path);
  if (module == nullptr) {
    const std::string nearest = index.nearest(path);
    return quoted(path) + " is no module of the model" +
           (nearest.empty() ? "" : ", nearest " + quoted(nearest));
  }
  return quoted(path) + " is " + describe_unadaptable(*module);
}

// An adapter of a grouped linear is on all its experts, or on rows of one.
std::string expert_fault(const Site& site, const nn::LinearSlot& slot) {
  const auto* grouped = dynamic_cast<const nn::TeGroupedLinear*>(&slot);
  const bool whole = site.component.empty();
  const std::int64_t experts =
      grouped != nullptr && whole ? grouped->experts() : 1;
  if (site.experts != experts) {
    return "is planned for " + std::to_string(site.experts) +
           " experts, not for " + std::to_string(experts);
  }
  if (grouped == nullptr) return {};
  const std::int64_t out = grouped->expert_out();
  const RowSet rows = site.rows;
  if (whole ? rows.size() != slot.out()
            : rows.begin / out != (rows.end - 1) / out) {
    return "has rows " + rows_text(rows) + " of some experts of " +
           std::to_string(out) + " rows each";
  }
  return {};
}

// What stands against the adapter; empty when nothing does.
std::string fault_of(const Site& site, const nn::LinearSlot& slot,
                     SlotRows& taken) {
  const std::string name = quoted(site.path()) + " ";
  if (site.adapter.kind == AdapterKind::kDora) {
    return name + "asks for DoRA, which is not built yet";
  }
  if (site.in != slot.in() || site.module_out != slot.out()) {
    return name + "is planned for " + std::to_string(site.in) + " -> " +
           std::to_string(site.module_out) + ", the module is " +
           std::to_string(slot.in()) + " -> " + std::to_string(slot.out());
  }
  if (site.adapter.rank < 1 || site.adapter.dropout < 0.0 ||
      site.adapter.dropout >= 1.0) {
    return name + "needs a rank of at least 1 and a dropout in [0, 1)";
  }
  if (site.rows.size() < 1 || site.rows.begin < 0 ||
      site.rows.end > slot.out()) {
    return name + "has rows " + rows_text(site.rows) + " of 0.." +
           std::to_string(slot.out());
  }
  if (std::string fault = expert_fault(site, slot); !fault.empty()) {
    return name + fault;
  }
  std::vector<RowSet>& rows = taken[&slot];
  const AdaptedLinear* adapted = adapted_or_null(slot);
  const bool clash = (adapted != nullptr && adapted->overlaps(site.rows)) ||
                     std::any_of(rows.begin(), rows.end(), [&](RowSet other) {
                       return other.overlaps(site.rows);
                     });
  if (clash) {
    return name + "has an adapter on rows within " + rows_text(site.rows) +
           " already";
  }
  rows.push_back(site.rows);
  return {};
}

// The slot of each site. Throws with every problem.
std::vector<nn::LinearSlot*> checked_slots(torch::nn::Module& model,
                                           const Plan& plan) {
  refuse_unsupported_sites(plan, "attach adapters");
  const SlotIndex index(model);
  SlotRows taken;
  std::vector<nn::LinearSlot*> slots;
  std::vector<std::string> faults;
  for (const Site& site : plan.sites) {
    auto* slot =
        dynamic_cast<nn::LinearSlot*>(index.module_or_null(site.module));
    std::string fault = slot == nullptr ? no_slot_text(index, site.module)
                                        : fault_of(site, *slot, taken);
    if (!fault.empty()) faults.push_back(std::move(fault));
    slots.push_back(slot);
  }
  throw_faults("attach adapters", faults);
  return slots;
}

AdaptedLinear& adapted_slot(nn::LinearSlot& slot) {
  if (AdaptedLinear* adapted = adapted_or_null(slot)) return *adapted;
  auto adapted = std::make_shared<AdaptedLinear>();
  adapted->train(slot.is_training());
  slot.register_module(kChild, adapted);
  slot.set_op(adapted);
  slot.freeze();
  return *adapted;
}

struct FactorShapes {
  std::vector<std::int64_t> a;
  std::vector<std::int64_t> b;
};

FactorShapes factor_shapes(const Site& site) {
  const std::int64_t rank = site.adapter.rank;
  const bool of_experts =
      site.layer_kind == LayerKind::kTeGrouped && site.component.empty();
  if (!of_experts) return {{rank, site.in}, {site.rows.size(), rank}};
  return {{site.experts, rank, site.in},
          {site.experts, site.rows_of_expert(), rank}};
}

LiveAdapter attach(nn::LinearSlot& slot, const Site& site,
                   const InjectOptions& options) {
  const at::Device device =
      slot.is_frozen() ? slot.frozen()->device() : slot.weight().device();
  const auto host = at::TensorOptions(at::kFloat);
  const auto there = host.device(device);
  const FactorShapes shapes = factor_shapes(site);
  at::Tensor a;
  at::Tensor b;
  if (options.initialise) {
    a = at::empty(shapes.a, host);
    initialise_a(a, site, options.seed);
    a = a.to(device);
    b = at::zeros(shapes.b, there);
  } else {
    a = at::empty(shapes.a, there);
    b = at::empty(shapes.b, there);
  }
  a.requires_grad_(true);
  b.requires_grad_(true);
  adapted_slot(slot).add(site, a, b);
  return LiveAdapter{site, a, b};
}

}  // namespace

std::string describe_unadaptable(const torch::nn::Module& module) {
  const LayerKind kind = layer_kind_of(module);
  if (kind == LayerKind::kLinear) {
    return "a linear layer whose forward graft cannot enter (" + module.name() +
           "): use graft::nn::Linear for it";
  }
  return "a " + std::string(layer_kind_name(kind)) + ", which takes no adapter";
}

void throw_faults(const std::string& operation,
                  const std::vector<std::string>& faults) {
  if (faults.empty()) return;
  constexpr std::size_t kShown = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(faults.size(), kShown); ++i) {
    text += (i == 0 ? "" : "; ") + faults[i];
  }
  if (faults.size() > kShown) {
    text += "; and " + std::to_string(faults.size() - kShown) + " more";
  }
  throw ConfigError(
      ErrorText{operation, text, {}, {}, "Nothing was attached."});
}

void check_plan(torch::nn::Module& model, const Plan& plan) {
  checked_slots(model, plan);
}

void freeze_base(torch::nn::Module& model) {
  visit_modules(model, [](torch::nn::Module& module) {
    if (dynamic_cast<const AdapterParameters*>(&module) != nullptr) return;
    for (auto& item : module.named_parameters(false)) {
      if (item.value().defined()) item.value().requires_grad_(false);
    }
  });
}

std::vector<LiveAdapter> inject(torch::nn::Module& model, const Plan& plan,
                                const InjectOptions& options) {
  const std::vector<nn::LinearSlot*> slots = checked_slots(model, plan);
  const at::NoGradGuard no_grad;
  freeze_base(model);
  std::vector<LiveAdapter> adapters;
  adapters.reserve(plan.sites.size());
  for (std::size_t i = 0; i < plan.sites.size(); ++i) {
    adapters.push_back(attach(*slots[i], plan.sites[i], options));
  }
  return adapters;
}

std::vector<LiveAdapter> adapters_of(const torch::nn::Module& model) {
  std::vector<LiveAdapter> found;
  // Slots are read only.
  auto& root = const_cast<torch::nn::Module&>(model);
  for (const nn::LinearSlot* slot : slots_of(root)) {
    const AdaptedLinear* adapted = adapted_or_null(*slot);
    if (adapted == nullptr) continue;
    for (const auto& adapter : adapted->adapters()) {
      found.push_back({adapter->site(), adapter->a(), adapter->b()});
    }
  }
  return found;
}

void remove_adapters(torch::nn::Module& model) {
  for (nn::LinearSlot* slot : slots_of(model)) {
    if (adapted_or_null(*slot) == nullptr) continue;
    slot->clear_op();
    slot->unregister_module(kChild);
  }
}

void set_adapters_enabled(torch::nn::Module& model, bool enabled) {
  for (nn::LinearSlot* slot : slots_of(model)) {
    if (AdaptedLinear* adapted = adapted_or_null(*slot)) {
      adapted->enabled = enabled;
    }
  }
}

ScopedAdaptersDisabled::ScopedAdaptersDisabled(torch::nn::Module& model) {
  for (nn::LinearSlot* slot : slots_of(model)) {
    if (adapted_or_null(*slot) == nullptr) continue;
    // Shares ownership: the adapter may be removed before the scope ends.
    auto adapted = std::dynamic_pointer_cast<AdaptedLinear>(slot->op());
    restore_.push_back(
        [adapted, earlier = adapted->enabled] { adapted->enabled = earlier; });
    adapted->enabled = false;
  }
}

ScopedAdaptersDisabled::~ScopedAdaptersDisabled() {
  for (const auto& restore : restore_) restore();
}

void set_dropout_counter(torch::nn::Module& model,
                         const DropoutCounter& counter) {
  for (nn::LinearSlot* slot : slots_of(model)) {
    if (AdaptedLinear* adapted = adapted_or_null(*slot)) {
      adapted->counter = counter;
    }
  }
}

}  // namespace graft
