// W + s B A on live tensors. Entry points: lora_delta, merged_rows.
#include "graft/peft/delta.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "peft/adapted_linear_internal.h"

namespace graft {
namespace {

struct Pair {
  at::Tensor a;
  at::Tensor b;
  RowSet rows;
  double scale;
};

// Adds what the pair gives `rows`, of which `merged` holds the values.
void add_pair(const Pair& pair, RowSet rows, at::Tensor& merged) {
  const RowSet both{std::max(rows.begin, pair.rows.begin),
                    std::min(rows.end, pair.rows.end)};
  if (both.size() <= 0) return;
  const at::Tensor b =
      pair.b.narrow(0, both.begin - pair.rows.begin, both.size());
  merged.narrow(0, both.begin - rows.begin, both.size())
      .add_(lora_delta(pair.a, b, pair.scale));
}

}  // namespace

at::Tensor lora_delta(const at::Tensor& a, const at::Tensor& b, double scale) {
  const at::NoGradGuard no_grad;
  return at::mm(b.to(at::kFloat), a.to(at::kFloat)).mul_(scale);
}

at::Tensor merged_rows(const nn::LinearSlot& slot, RowSet rows) {
  const at::NoGradGuard no_grad;
  at::Tensor merged = slot.dense_rows(rows);
  const AdaptedLinear* adapted = adapted_or_null(slot);
  if (adapted == nullptr) return merged;
  for (const auto& adapter : adapted->adapters()) {
    const Site& site = adapter->site();
    if (adapter->a().dim() == 2) {
      add_pair({adapter->a(), adapter->b(), site.rows, site.scale}, rows,
               merged);
      continue;
    }
    const std::int64_t out = site.rows_of_expert();
    for (std::int64_t e = 0; e < site.experts; ++e) {
      const RowSet mine{site.rows.begin + e * out,
                        site.rows.begin + (e + 1) * out};
      add_pair({adapter->a().select(0, e), adapter->b().select(0, e), mine,
                site.scale},
               rows, merged);
    }
  }
  return merged;
}

}  // namespace graft
