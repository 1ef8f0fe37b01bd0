// Frequencies as transformers 5.23 computes them, in fp32 with the same order
// of operations (modeling_rope_utils.py).
#include "checkpoint/rotary_spec_internal.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

namespace graft {
namespace {

std::vector<float> to_vector(const at::Tensor& values) {
  const at::Tensor flat = values.to(at::kFloat).contiguous();
  const float* data = flat.const_data_ptr<float>();
  return {data, data + flat.numel()};
}

// 2 i / dim for each pair i.
at::Tensor exponents(std::int64_t dim) {
  return at::arange(0, dim, 2, at::TensorOptions(at::kFloat)) /
         static_cast<double>(dim);
}

at::Tensor plain_frequencies(double theta, std::int64_t dim) {
  return at::pow(theta, exponents(dim)).reciprocal();
}

// Long waves are slowed by the factor, short ones kept, those between blended.
at::Tensor llama3_frequencies(const RopeConfig& rope, std::int64_t dim) {
  const auto context = static_cast<double>(rope.original_max_positions);
  const at::Tensor plain = plain_frequencies(rope.theta, dim);
  const at::Tensor wave = plain.reciprocal() * (2.0 * std::numbers::pi);
  const at::Tensor is_long = wave > context / rope.low_freq_factor;
  const at::Tensor is_short = wave < context / rope.high_freq_factor;
  const at::Tensor slowed = at::where(is_long, plain / rope.factor, plain);
  const at::Tensor smooth =
      (wave.reciprocal() * context - rope.low_freq_factor) /
      (rope.high_freq_factor - rope.low_freq_factor);
  const at::Tensor blended =
      (1.0 - smooth) * slowed / rope.factor + smooth * slowed;
  return at::where(is_long.logical_or(is_short), slowed, blended);
}

// The pair index at which `rotations` turns fit into the original context.
double correction_dim(const RopeConfig& rope, double rotations, double dim) {
  const auto context = static_cast<double>(rope.original_max_positions);
  return dim * std::log(context / (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(rope.theta));
}

at::Tensor yarn_frequencies(const RopeConfig& rope, std::int64_t dim) {
  const auto size = static_cast<double>(dim);
  double low = correction_dim(rope, rope.beta_fast, size);
  double high = correction_dim(rope, rope.beta_slow, size);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, size - 1.0);
  if (low == high) high += 0.001;
  const at::Tensor ramp =
      ((at::arange(dim / 2, at::TensorOptions(at::kFloat)) - low) /
       (high - low))
          .clamp(0, 1);
  const at::Tensor kept = 1.0 - ramp;
  const at::Tensor powers = at::pow(rope.theta, exponents(dim));
  const at::Tensor plain = powers.reciprocal();
  const at::Tensor slowed = (powers * rope.factor).reciprocal();
  return slowed * (1.0 - kept) + plain * kept;
}

double yarn_attention_factor(const RopeConfig& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  const auto scale = [&rope](double mscale) {
    return rope.factor <= 1.0 ? 1.0
                              : 0.1 * mscale * std::log(rope.factor) + 1.0;
  };
  const double top = rope.mscale.value_or(0.0);
  const double bottom = rope.mscale_all_dim.value_or(0.0);
  if (top != 0.0 && bottom != 0.0) return scale(top) / scale(bottom);
  return scale(1.0);
}

// NTK: a sequence longer than the trained one gets a larger base. Stateless,
// unlike transformers, which keeps the largest length seen.
std::vector<float> dynamic_frequencies(const RopeConfig& rope, std::int64_t dim,
                                       std::int64_t length) {
  const std::int64_t trained = rope.original_max_positions;
  if (length <= trained) return to_vector(plain_frequencies(rope.theta, dim));
  const auto size = static_cast<double>(dim);
  const at::Tensor stretch =
      at::full({}, static_cast<float>(length), at::kFloat) * rope.factor /
          static_cast<double>(trained) -
      (rope.factor - 1.0);
  const at::Tensor base = at::pow(stretch, size / (size - 2.0)) * rope.theta;
  return to_vector(at::pow(base, exponents(dim)).reciprocal());
}

at::Tensor longrope_frequencies(const RopeConfig& rope,
                                const std::vector<double>& factors,
                                std::int64_t dim) {
  const std::vector<float> divisors(factors.begin(), factors.end());
  return (at::tensor(divisors) * at::pow(rope.theta, exponents(dim)))
      .reciprocal();
}

double longrope_attention_factor(const RopeConfig& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.factor <= 1.0) return 1.0;
  const auto context = static_cast<double>(rope.original_max_positions);
  return std::sqrt(1.0 + std::log(rope.factor) / std::log(context));
}

}  // namespace

RotarySpec make_rotary_spec(const RopeConfig& rope, std::int64_t head_dim) {
  const at::NoGradGuard no_grad;
  RotarySpec out;
  head_dim = static_cast<std::int64_t>(static_cast<double>(head_dim) *
                                       rope.rotated_share);
  at::Tensor frequencies = plain_frequencies(rope.theta, head_dim);
  switch (rope.kind) {
    case RopeKind::kDefault:
      break;
    case RopeKind::kLinear:
      frequencies /= rope.factor;
      break;
    case RopeKind::kLlama3:
      frequencies = llama3_frequencies(rope, head_dim);
      break;
    case RopeKind::kYarn:
      frequencies = yarn_frequencies(rope, head_dim);
      out.attention_factor = yarn_attention_factor(rope);
      break;
    case RopeKind::kDynamic:
      out.for_length = [rope, head_dim](std::int64_t length) {
        return dynamic_frequencies(rope, head_dim, length);
      };
      break;
    case RopeKind::kLongRope:
      frequencies = longrope_frequencies(rope, rope.short_factors, head_dim);
      out.attention_factor = longrope_attention_factor(rope);
      out.for_length = [rope, head_dim](std::int64_t length) {
        const bool is_long = length > rope.original_max_positions;
        return to_vector(longrope_frequencies(
            rope, is_long ? rope.long_factors : rope.short_factors, head_dim));
      };
      break;
  }
  out.inverse_frequencies = to_vector(frequencies);
  return out;
}

}  // namespace graft
