// What row kernels are written with: loads and stores of fp32 and bf16, e^x,
// and sums in a fixed number of lanes. Inlined whole into each kernel. Private
// to nn.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

#include "base/target_clones_internal.h"

namespace graft::nn {

struct Bf16 {
  std::uint16_t bits;
};

inline constexpr std::int64_t kLanes = 16;

GRAFT_INLINE float load(const float* p) { return *p; }
GRAFT_INLINE float load(const Bf16* p) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(p->bits) << 16);
}
GRAFT_INLINE void store(float* p, float value) { *p = value; }
// Round to nearest even; a NaN stays one.
GRAFT_INLINE void store(Bf16* p, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16) & 1U);
  const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  p->bits =
      static_cast<std::uint16_t>((nan ? bits | 0x400000U : rounded) >> 16);
}
// The value after a trip through T: native bf16 rounds where transformers
// does, so that the two stay as close as bf16 allows.
template <typename T>
GRAFT_INLINE float rounded(float value) {
  T stored;
  store(&stored, value);
  return load(&stored);
}

// e^x to about 2 units in the last place: e^x = 2^k e^r, |r| <= ln 2 / 2.
// Below -87 it stays at the smallest normal number, above 88 at the largest
// power; NaN stays NaN.
GRAFT_INLINE float exponential(float x) {
  constexpr float kMagic = 12582912.0F;  // 1.5 * 2^23: rounds to an integer
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float shifted = x * 1.44269504F + kMagic;
  const float k = shifted - kMagic;
  const float r = (x - k * 0.693359375F) + k * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const std::uint32_t power = (std::bit_cast<std::uint32_t>(shifted) -
                               std::bit_cast<std::uint32_t>(kMagic) + 127U)
                              << 23;
  return p * std::bit_cast<float>(power);
}

GRAFT_INLINE float sigmoid(float x) { return 1.0F / (1.0F + exponential(-x)); }

// Sum of term(i) for i in [0, n).
template <typename Term>
GRAFT_INLINE float sum_lanes(std::int64_t n, Term term) {
  float lanes[kLanes] = {};
  const std::int64_t whole = n - n % kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += term(i + l);
  }
  for (std::int64_t i = whole; i < n; ++i) lanes[i - whole] += term(i);
  for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::int64_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

template <typename T>
GRAFT_INLINE float largest(const T* row, std::int64_t n) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = -std::numeric_limits<float>::infinity();
  const std::int64_t whole = n - n % kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const float value = load(row + i + l);
      lanes[l] = value > lanes[l] ? value : lanes[l];
    }
  }
  for (std::int64_t i = whole; i < n; ++i) {
    const float value = load(row + i);
    lanes[0] = value > lanes[0] ? value : lanes[0];
  }
  float most = lanes[0];
  for (const float lane : lanes) most = lane > most ? lane : most;
  return most;
}

}  // namespace graft::nn
