// W + s B A on live tensors. Entry points: lora_delta, merged_rows.
#include "graft/peft/delta.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "peft/adapted_linear_internal.h"

namespace graft {

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
    const RowSet mine = adapter->site().rows;
    const RowSet both{std::max(rows.begin, mine.begin),
                      std::min(rows.end, mine.end)};
    if (both.size() <= 0) continue;
    const at::Tensor b =
        adapter->b().narrow(0, both.begin - mine.begin, both.size());
    merged.narrow(0, both.begin - rows.begin, both.size())
        .add_(lora_delta(adapter->a(), b, adapter->site().scale));
  }
  return merged;
}

}  // namespace graft
