// The operation in an adapted slot. Entry points: AdaptedLinear,
// adapted_or_null.
#include "peft/adapted_linear_internal.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "peft/counter_random_internal.h"
#include "peft/dropout_mask_internal.h"
#include "peft/low_rank_product_internal.h"

namespace graft {
namespace {

// What the whole module's adapter is registered as below "adapters".
constexpr const char* kWholeModule = "adapter";

void check_input(const nn::LinearSlot& slot, const at::Tensor& x) {
  if (x.dim() >= 1 && x.size(-1) == slot.in() &&
      x.scalar_type() == slot.compute_type()) {
    return;
  }
  const std::string columns =
      x.dim() >= 1 ? std::to_string(x.size(-1)) : "no dimension";
  throw ConfigError(ErrorText{
      "adapted linear layer",
      "input features",
      columns + " of " + c10::toString(x.scalar_type()),
      std::to_string(slot.in()) + " of " + c10::toString(slot.compute_type()),
      {}});
}

double dropout_of(const AdapterParameters& adapter, bool training) {
  return training ? adapter.site().adapter.dropout : 0.0;
}

}  // namespace

AdapterParameters::AdapterParameters(Site site, at::Tensor a, at::Tensor b)
    : site_(std::move(site)),
      a_(register_parameter("lora_A", std::move(a))),
      b_(register_parameter("lora_B", std::move(b))) {}

void AdaptedLinear::add(Site site, at::Tensor a, at::Tensor b) {
  std::string name = site.component.empty() ? kWholeModule : site.component;
  // "linear_fc2.3": names of modules have no dots.
  std::replace(name.begin(), name.end(), '.', '_');
  auto adapter =
      register_module(name, std::make_shared<AdapterParameters>(
                                std::move(site), std::move(a), std::move(b)));
  const auto place =
      std::find_if(adapters_.begin(), adapters_.end(), [&](const auto& other) {
        return other->site().rows.begin > adapter->site().rows.begin;
      });
  adapters_.insert(place, std::move(adapter));
}

bool AdaptedLinear::overlaps(RowSet rows) const {
  return std::any_of(
      adapters_.begin(), adapters_.end(),
      [&](const auto& other) { return other->site().rows.overlaps(rows); });
}

std::uint64_t AdaptedLinear::state_key() const {
  const std::uint64_t place = join_keys(counter.step, counter.micro_batch);
  return join_keys(join_keys(place, counter.seed), enabled ? 1 : 0);
}

at::Tensor AdaptedLinear::forward(const nn::LinearSlot& slot,
                                  const nn::LinearInput& in) {
  if (dynamic_cast<const nn::TeGroupedLinear*>(&slot) != nullptr) {
    throw ConfigError(ErrorText{"adapted grouped linear",
                                "the call",
                                "rows without counts by expert",
                                "TeGroupedLinear::forward with counts",
                                {}});
  }
  const at::Tensor& x = in.value;
  if (!enabled) return slot.base_forward(x);
  check_input(slot, x);
  const bool bias_is_trained =
      slot.bias().defined() && slot.bias().requires_grad();
  if (!slot.is_frozen() || bias_is_trained) return forward_trainable(slot, x);

  const bool training = slot.is_training();
  auto call = c10::make_intrusive<LowRankCall>();
  call->weight = slot.frozen();
  call->bias = slot.bias();
  std::vector<at::Tensor> factors;
  for (const auto& adapter : adapters_) {
    const Site& site = adapter->site();
    const double dropout = dropout_of(*adapter, training);
    if (call->groups.empty() || call->groups.back().dropout != dropout) {
      call->groups.push_back(
          {call->pieces.size(), call->pieces.size(), dropout});
    }
    call->pieces.push_back({site.rows, site.adapter.rank, site.scale});
    call->groups.back().end = call->pieces.size();
    factors.push_back(adapter->a());
    factors.push_back(adapter->b());
    if (dropout > 0.0) call->dropout_key = dropout_key(counter, site.module);
  }
  call->sources = in.sources;
  call->make_input = in.make;
  return low_rank_product(x, factors, call);
}

// The base takes gradients too: plain operations under autograd.
at::Tensor AdaptedLinear::forward_trainable(const nn::LinearSlot& slot,
                                            const at::Tensor& x) const {
  at::Tensor y = slot.base_forward(x);
  for (const auto& adapter : adapters_) {
    const Site& site = adapter->site();
    const double dropout = dropout_of(*adapter, slot.is_training());
    const at::Tensor seen =
        dropout > 0.0
            ? x * dropout_mask(x, dropout_key(counter, site.module), dropout)
            : x;
    const at::Tensor z = at::matmul(seen, adapter->a().to(x.scalar_type()).t());
    y.narrow(-1, site.rows.begin, site.rows.size())
        .add_(at::matmul(z, adapter->b().to(x.scalar_type()).t()), site.scale);
  }
  return y;
}

AdaptedLinear* adapted_or_null(const nn::LinearSlot& slot) {
  return dynamic_cast<AdaptedLinear*>(slot.op().get());
}

}  // namespace graft
