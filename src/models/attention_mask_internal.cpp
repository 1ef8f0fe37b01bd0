// The bias is built once per forward and shared by all layers.
#include "models/attention_mask_internal.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

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

// One segment a row that has real tokens; nullopt when other tokens stand
// between those of a row.
std::optional<std::vector<nn::AttentionSegment>> make_segments(
    const at::Tensor& real, const AttentionSpan& span) {
  std::vector<nn::AttentionSegment> out;
  const at::Tensor rows =
      real.defined() ? real.to(at::kCPU).contiguous() : at::Tensor();
  for (std::int64_t row = 0; row < span.batch; ++row) {
    std::int64_t begin = 0;
    std::int64_t end = span.queries;
    if (rows.defined()) {
      const bool* first = rows.const_data_ptr<bool>() + row * span.queries;
      const bool* last = first + span.queries;
      const bool* real_begin = std::find(first, last, true);
      const bool* real_end = std::find(real_begin, last, false);
      if (std::find(real_end, last, true) != last) return std::nullopt;
      begin = real_begin - first;
      end = real_end - first;
    }
    if (begin < end) out.push_back({row, begin, end});
  }
  return out;
}

}  // namespace

AttentionPattern make_packed_pattern(const std::vector<std::int64_t>& lengths,
                                     const at::TensorOptions& options) {
  AttentionPattern out;
  if (!nn::prefers_causal_attention(options)) {
    out.lengths = lengths;
    return out;
  }
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    out.segments.push_back({0, begin, begin + length});
    begin += length;
  }
  return out;
}

AttentionPattern make_attention_pattern(const at::Tensor& mask,
                                        AttentionSpan span,
                                        const at::TensorOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Tensor real = mask.defined() ? mask.ne(0) : at::Tensor();
  if (!span.cached && nn::prefers_causal_attention(options)) {
    auto segments = make_segments(real, span);
    if (segments) return {false, {}, *std::move(segments), {}};
  }
  const bool all_real = !real.defined() || real.all().item<bool>();
  if (span.past == 0 && (all_real || is_right_padded(real))) {
    return {span.queries > 1, {}, {}, {}};
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
  return {false, bias.unsqueeze(1), {}, {}};
}

}  // namespace graft
