// Counter-based starts of A, by the names of PEFT and Megatron. Entry point:
// initialise_a.
#include "peft/adapter_init_internal.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <numbers>

#include "peft/counter_random_internal.h"

namespace graft {
namespace {

constexpr std::int64_t kGrain = 1 << 15;
constexpr float kUnit = 1.0F / (1 << 24);

// In [0, 1).
float uniform(std::uint64_t key, std::int64_t index) {
  const std::uint64_t bits =
      random_bits(key, static_cast<std::uint64_t>(index));
  return static_cast<float>(bits >> 40) * kUnit;
}

// Box-Muller; the two halves of one draw give radius and angle.
float normal(std::uint64_t key, std::int64_t index) {
  const std::uint64_t bits =
      random_bits(key, static_cast<std::uint64_t>(index));
  const float u = (static_cast<float>(bits >> 40) + 1.0F) * kUnit;
  const float v = static_cast<float>(bits & 0xffffffU) * kUnit;
  return std::sqrt(-2.0F * std::log(u)) *
         std::cos(2.0F * std::numbers::pi_v<float> * v);
}

template <typename Draw>
void fill(at::Tensor& a, Draw draw) {
  float* values = a.mutable_data_ptr<float>();
  at::parallel_for(0, a.numel(), kGrain,
                   [&](std::int64_t begin, std::int64_t end) {
                     for (std::int64_t i = begin; i < end; ++i) {
                       values[i] = draw(i);
                     }
                   });
}

double normal_deviation(const Site& site) {
  const double in = static_cast<double>(site.in);
  const double rank = static_cast<double>(site.adapter.rank);
  switch (site.adapter.init) {
    case AdapterInit::kXavier:
      return std::sqrt(2.0 / (in + rank));
    case AdapterInit::kGaussian:
      return 1.0 / rank;
    default:
      return 0.2;
  }
}

}  // namespace

namespace {

void initialise_matrix(at::Tensor& a, const Site& site, std::uint64_t key) {
  if (site.adapter.init == AdapterInit::kKaiming) {
    const float bound =
        static_cast<float>(1.0 / std::sqrt(static_cast<double>(site.in)));
    fill(a, [=](std::int64_t i) {
      return (2.0F * uniform(key, i) - 1.0F) * bound;
    });
    return;
  }
  const float deviation = static_cast<float>(normal_deviation(site));
  fill(a, [=](std::int64_t i) { return normal(key, i) * deviation; });
}

}  // namespace

void initialise_a(at::Tensor& a, const Site& site, std::uint64_t seed) {
  const std::uint64_t key = join_keys(text_key(site.path()), seed);
  if (a.dim() == 2) return initialise_matrix(a, site, key);
  for (std::int64_t expert = 0; expert < a.size(0); ++expert) {
    at::Tensor matrix = a.select(0, expert);
    initialise_matrix(matrix, site,
                      join_keys(key, static_cast<std::uint64_t>(expert)));
  }
}

}  // namespace graft
