// Chooses the next token. Entry point: choose_token.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "graft/generate/generate.h"

namespace graft {
namespace {

// Uniform in [0, 1): the finaliser of SplitMix64 over seed and counter.
double uniform(std::uint64_t seed, std::uint64_t counter) {
  std::uint64_t value = seed + (counter + 1) * 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  value ^= value >> 31;
  return static_cast<double>(value >> 11) * 0x1.0p-53;
}

}  // namespace

std::int64_t choose_token(const at::Tensor& logits,
                          const SamplingOptions& options, std::uint64_t draw) {
  if (options.temperature == 0.0) return logits.argmax().item<std::int64_t>();
  const auto [sorted, order] =
      (logits.to(at::kCPU, at::kDouble) / options.temperature)
          .sort(/*dim=*/0, /*descending=*/true);
  const std::int64_t count = options.top_k > 0
                                 ? std::min(options.top_k, sorted.size(0))
                                 : sorted.size(0);
  const at::Tensor chances = sorted.narrow(0, 0, count).softmax(0);
  const double* chance = chances.const_data_ptr<double>();
  double kept = 0.0;
  std::int64_t last = 0;  // tokens kept by top_p
  while (last < count && kept < options.top_p) kept += chance[last++];
  double left = uniform(options.seed, draw) * kept;
  std::int64_t pick = 0;
  while (pick + 1 < last && left >= chance[pick]) left -= chance[pick++];
  return order[pick].item<std::int64_t>();
}

}  // namespace graft
