// The bias is built once per forward and shared by all layers.
#include "models/attention_mask_internal.h"

#include <ATen/ATen.h>

#include <limits>

namespace graft {
namespace {

// True when no real token follows a padding token in any row.
bool is_right_padded(const at::Tensor& real) {
  if (real.size(1) < 2) return true;
  const std::int64_t n = real.size(1) - 1;
  const at::Tensor rises =
      real.narrow(1, 0, n).logical_not().logical_and_(real.narrow(1, 1, n));
  return !rises.any().item<bool>();
}

}  // namespace

AttentionPattern make_attention_pattern(const at::Tensor& mask,
                                        AttentionSpan span,
                                        const at::TensorOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Tensor real = mask.defined() ? mask.ne(0) : at::Tensor();
  const bool all_real = !real.defined() || real.all().item<bool>();
  if (span.past == 0 && (all_real || is_right_padded(real))) {
    return {span.queries > 1, {}, {}};
  }
  if (all_real && span.queries == 1) return {};
  const std::int64_t keys = span.past + span.queries;
  const auto device = options.device();
  const at::Tensor query =
      at::arange(span.past, keys, at::TensorOptions(device)).unsqueeze(1);
  const at::Tensor key =
      at::arange(keys, at::TensorOptions(device)).unsqueeze(0);
  at::Tensor seen = (key <= query).unsqueeze(0);
  if (!all_real) {
    seen = seen.logical_and(real.unsqueeze(1)).logical_or_(key == query);
  }
  const double hidden = -std::numeric_limits<double>::infinity();
  at::Tensor bias = at::zeros(seen.sizes(), options);
  bias.masked_fill_(seen.logical_not(), hidden);
  return {false, bias.unsqueeze(1), {}};
}

}  // namespace graft
