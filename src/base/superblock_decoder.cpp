// Super-blocks of 256 elements (the K types): small integer scales for runs of
// 16 or 32 elements, and fp16 scales for the whole. Run r holds elements 32 r
// to 32 r + 31. Products and sums are rounded one by one, as the reference
// does; the file is compiled without fused multiply-add.
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/block_decoder_internal.h"
#include "base/target_clones_internal.h"
#include "graft/base/half.h"

namespace graft::block_decoder {
namespace {

constexpr std::size_t kRun = 32;
constexpr std::size_t kRuns = 8;
constexpr std::size_t kElements = kRun * kRuns;
constexpr std::size_t kHalf = kRun / 2;

GRAFT_INLINE float read_scale(const std::byte* source) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, source, sizeof bits);
  return f16_to_f32(bits);
}

GRAFT_INLINE std::int32_t bits(std::byte byte, std::size_t shift,
                               std::int32_t mask) {
  return std::to_integer<std::int32_t>(byte) >> shift & mask;
}

// Run r of Q4_K and Q5_K: 6-bit scale and minimum out of 12 bytes.
struct ScaleAndLeast {
  float scale;
  float least;
};
GRAFT_INLINE ScaleAndLeast read_pair(const std::byte* scales, std::size_t r) {
  if (r < 4) {
    return {static_cast<float>(bits(scales[r], 0, 63)),
            static_cast<float>(bits(scales[4 + r], 0, 63))};
  }
  const std::byte low = scales[4 + r];
  return {static_cast<float>(bits(low, 0, 15) | bits(scales[r - 4], 2, 48)),
          static_cast<float>(bits(low, 4, 15) | bits(scales[r], 2, 48))};
}

// The 16 signed 6-bit scales of Q3_K out of 12 bytes.
GRAFT_INLINE float read_six_bits(const std::byte* scales, std::size_t i) {
  const std::int32_t low = bits(scales[i % 8], i / 8 * 4, 15);
  const std::int32_t high = bits(scales[8 + i % 4], i / 4 * 2, 3);
  return static_cast<float>((low | high << 4) - 32);
}

// Run r of 2-bit quants: bits of the 32 bytes that four runs share.
struct TwoBits {
  const std::byte* bytes;
  std::size_t shift;

  GRAFT_INLINE TwoBits(const std::byte* quants, std::size_t r)
      : bytes(quants + r / 4 * kRun), shift(r % 4 * 2) {}
  GRAFT_INLINE std::int32_t operator[](std::size_t j) const {
    return bits(bytes[j], shift, 3);
  }
};

}  // namespace

// 16 bytes of scales (low half) and minima (high), 64 of quants, two fp16.
GRAFT_CLONES void q2_k(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 84, target += kElements) {
    const float scale = read_scale(source + 80);
    const float least = read_scale(source + 82);
    for (std::size_t part = 0; part < 2 * kRuns; ++part) {
      const float d = scale * static_cast<float>(bits(source[part], 0, 15));
      const float m = least * static_cast<float>(bits(source[part], 4, 15));
      const TwoBits quants(source + 16, part / 2);
      const std::size_t begin = part % 2 * kHalf;
      for (std::size_t j = 0; j < kHalf; ++j) {
        const auto quant = static_cast<float>(quants[begin + j]);
        target[part * kHalf + j] = d * quant - m;
      }
    }
  }
}

// 32 bytes of third bits (inverted), 64 of quants, 12 of scales, fp16.
GRAFT_CLONES void q3_k(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 110, target += kElements) {
    const float scale = read_scale(source + 108);
    for (std::size_t part = 0; part < 2 * kRuns; ++part) {
      const float d = scale * read_six_bits(source + 96, part);
      const std::size_t run = part / 2;
      const TwoBits quants(source + 32, run);
      const std::size_t begin = part % 2 * kHalf;
      for (std::size_t j = 0; j < kHalf; ++j) {
        const std::int32_t high = bits(source[begin + j], run, 1) ^ 1;
        const std::int32_t quant = quants[begin + j] - (high << 2);
        target[part * kHalf + j] = d * static_cast<float>(quant);
      }
    }
  }
}

// Two fp16, 12 bytes of scales, 128 of quants.
GRAFT_CLONES void q4_k(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 144, target += kElements) {
    const float scale = read_scale(source);
    const float least = read_scale(source + 2);
    for (std::size_t run = 0; run < kRuns; ++run) {
      const ScaleAndLeast pair = read_pair(source + 4, run);
      const float d = scale * pair.scale;
      const float m = least * pair.least;
      const std::byte* quants = source + 16 + run / 2 * kRun;
      const std::size_t shift = run % 2 * 4;
      for (std::size_t j = 0; j < kRun; ++j) {
        const auto quant = static_cast<float>(bits(quants[j], shift, 15));
        target[run * kRun + j] = d * quant - m;
      }
    }
  }
}

// Two fp16, 12 bytes of scales, 32 of fifth bits, 128 of quants.
GRAFT_CLONES void q5_k(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 176, target += kElements) {
    const float scale = read_scale(source);
    const float least = read_scale(source + 2);
    const std::byte* fifth = source + 16;
    for (std::size_t run = 0; run < kRuns; ++run) {
      const ScaleAndLeast pair = read_pair(source + 4, run);
      const float d = scale * pair.scale;
      const float m = least * pair.least;
      const std::byte* quants = source + 48 + run / 2 * kRun;
      const std::size_t shift = run % 2 * 4;
      for (std::size_t j = 0; j < kRun; ++j) {
        const std::int32_t quant =
            bits(quants[j], shift, 15) | bits(fifth[j], run, 1) << 4;
        target[run * kRun + j] = d * static_cast<float>(quant) - m;
      }
    }
  }
}

// 128 bytes of low bits, 64 of high ones, 16 signed scales, fp16.
GRAFT_CLONES void q6_k(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 210, target += kElements) {
    const float scale = read_scale(source + 208);
    for (std::size_t part = 0; part < 2 * kRuns; ++part) {
      const auto own = std::bit_cast<std::int8_t>(source[192 + part]);
      const float d = scale * static_cast<float>(own);
      const std::size_t run = part / 2;
      const std::size_t begin = part % 2 * kHalf;
      const std::byte* low = source + run / 4 * 64 + run % 2 * kRun + begin;
      const std::size_t shift = run % 4 / 2 * 4;
      const TwoBits high(source + 128, run);
      for (std::size_t j = 0; j < kHalf; ++j) {
        const std::int32_t quant = bits(low[j], shift, 15) | high[begin + j]
                                                                 << 4;
        target[part * kHalf + j] = d * static_cast<float>(quant - 32);
      }
    }
  }
}

}  // namespace graft::block_decoder
