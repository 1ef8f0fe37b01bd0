// An adapted grouped linear: which adapters each expert's rows pass. Entry
// point: AdaptedLinear::forward_grouped.
#include <ATen/ATen.h>

#include <utility>

#include "graft/nn/te_linear.h"
#include "peft/adapted_linear_internal.h"
#include "peft/counter_random_internal.h"
#include "peft/dropout_mask_internal.h"
#include "peft/grouped_product_internal.h"

namespace graft {
namespace {

// For each expert the indices of its adapters, in the order of their rows.
std::vector<std::vector<std::size_t>> adapters_by_expert(
    const nn::TeGroupedLinear& slot, const AdaptedLinear& adapted) {
  std::vector<std::vector<std::size_t>> out(
      static_cast<std::size_t>(slot.experts()));
  for (std::size_t i = 0; i < adapted.adapters().size(); ++i) {
    const AdapterParameters& adapter = *adapted.adapters()[i];
    const std::int64_t first = adapter.site().rows.begin / slot.expert_out();
    const bool of_all = adapter.a().dim() == 3;
    const std::int64_t last = of_all ? slot.experts() - 1 : first;
    for (std::int64_t e = of_all ? 0 : first; e <= last; ++e) {
      out[static_cast<std::size_t>(e)].push_back(i);
    }
  }
  return out;
}

// Where the adapter is among the rows of one expert.
RowSet rows_in_expert(const AdapterParameters& adapter, std::int64_t out) {
  const RowSet rows = adapter.site().rows;
  if (adapter.a().dim() == 3) return {0, out};
  return {rows.begin % out, rows.begin % out + rows.size()};
}

class CallMaker {
 public:
  CallMaker(const nn::TeGroupedLinear& slot, const AdaptedLinear& adapted)
      : slot_(slot),
        adapted_(adapted),
        by_expert_(adapters_by_expert(slot, adapted)) {}

  c10::intrusive_ptr<GroupedCall> make(
      const std::vector<std::int64_t>& counts) const {
    auto call = c10::make_intrusive<GroupedCall>();
    call->out = slot_.expert_out();
    std::int64_t begin = 0;
    for (std::int64_t e = 0; e < slot_.experts(); ++e) {
      const std::int64_t count = counts[static_cast<std::size_t>(e)];
      if (count == 0) continue;
      call->parts.push_back({call_of(e), begin, count, e,
                             by_expert_[static_cast<std::size_t>(e)]});
      begin += count;
    }
    return call;
  }

 private:
  c10::intrusive_ptr<LowRankCall> call_of(std::int64_t expert) const {
    auto call = c10::make_intrusive<LowRankCall>();
    call->weight = slot_.expert_weight(expert);
    for (const std::size_t i : by_expert_[static_cast<std::size_t>(expert)]) {
      const AdapterParameters& adapter = *adapted_.adapters()[i];
      const Site& site = adapter.site();
      const double dropout = slot_.is_training() ? site.adapter.dropout : 0.0;
      const std::size_t piece = call->pieces.size();
      if (call->groups.empty() || call->groups.back().dropout != dropout) {
        call->groups.push_back({piece, piece, dropout});
      }
      call->pieces.push_back({rows_in_expert(adapter, slot_.expert_out()),
                              site.adapter.rank, site.scale});
      call->groups.back().end = piece + 1;
      if (dropout > 0.0) {
        call->dropout_key = expert_dropout_key(adapted_.counter, site, expert);
      }
    }
    return call;
  }

  const nn::TeGroupedLinear& slot_;
  const AdaptedLinear& adapted_;
  std::vector<std::vector<std::size_t>> by_expert_;
};

}  // namespace

std::uint64_t expert_dropout_key(const DropoutCounter& counter,
                                 const Site& site, std::int64_t expert) {
  return join_keys(dropout_key(counter, site.module),
                   static_cast<std::uint64_t>(expert));
}

at::Tensor AdaptedLinear::forward_grouped(
    const nn::TeGroupedLinear& slot, const at::Tensor& x,
    const std::vector<std::int64_t>& counts) {
  if (!enabled || x.size(0) == 0) return slot.base_forward(x, counts);
  const auto call = CallMaker(slot, *this).make(counts);
  if (!slot.is_frozen()) return grouped_trainable(slot, x, counts);
  std::vector<at::Tensor> factors;
  for (const auto& adapter : adapters_) {
    factors.push_back(adapter->a());
    factors.push_back(adapter->b());
  }
  return grouped_product(x, factors, call);
}

// The base takes gradients too: plain operations under autograd.
at::Tensor AdaptedLinear::grouped_trainable(
    const nn::TeGroupedLinear& slot, const at::Tensor& x,
    const std::vector<std::int64_t>& counts) const {
  at::Tensor y = slot.base_forward(x, counts);
  const auto by_expert = adapters_by_expert(slot, *this);
  std::int64_t begin = 0;
  for (std::int64_t e = 0; e < slot.experts(); ++e) {
    const std::int64_t count = counts[static_cast<std::size_t>(e)];
    const at::Tensor rows = x.narrow(0, begin, count);
    for (const std::size_t i : by_expert[static_cast<std::size_t>(e)]) {
      const AdapterParameters& adapter = *adapters_[i];
      const Site& site = adapter.site();
      const bool of_all = adapter.a().dim() == 3;
      const at::Tensor a = of_all ? adapter.a().select(0, e) : adapter.a();
      const at::Tensor b = of_all ? adapter.b().select(0, e) : adapter.b();
      const double dropout = slot.is_training() ? site.adapter.dropout : 0.0;
      const at::Tensor seen =
          dropout > 0.0
              ? rows * dropout_mask(rows, expert_dropout_key(counter, site, e),
                                    dropout)
              : rows;
      const at::Tensor z = at::matmul(seen, a.to(x.scalar_type()).t());
      const RowSet place = rows_in_expert(adapter, slot.expert_out());
      y.narrow(0, begin, count)
          .narrow(1, place.begin, place.size())
          .add_(at::matmul(z, b.to(x.scalar_type()).t()), site.scale);
    }
    begin += count;
  }
  return y;
}

}  // namespace graft
