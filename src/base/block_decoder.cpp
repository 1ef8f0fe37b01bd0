// Blocks of 32 elements: fp16 scales first, then the fifth bits of all
// elements (Q5), then the quants. Of 4-bit quants, byte j holds element j in
// its low half and element j + 16 in its high half. The file is compiled
// without fused multiply-add, so that every processor gives the same bits.
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/block_decoder_internal.h"
#include "base/target_clones_internal.h"
#include "graft/base/half.h"

namespace graft::block_decoder {
namespace {

constexpr std::size_t kElements = 32;
constexpr std::size_t kHalf = kElements / 2;

static_assert(std::endian::native == std::endian::little,
              "scales and words are read as they are stored");

GRAFT_INLINE float read_scale(const std::byte* source) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, source, sizeof bits);
  return f16_to_f32(bits);
}

GRAFT_INLINE std::uint32_t read_word(const std::byte* source) {
  std::uint32_t word = 0;
  std::memcpy(&word, source, sizeof word);
  return word;
}

struct Nibbles {
  const std::byte* bytes;

  GRAFT_INLINE std::int32_t low(std::size_t j) const {
    return std::to_integer<std::int32_t>(bytes[j]) & 15;
  }
  GRAFT_INLINE std::int32_t high(std::size_t j) const {
    return std::to_integer<std::int32_t>(bytes[j]) >> 4;
  }
};

// Element j of `high` as the value 0 or 16.
GRAFT_INLINE std::int32_t fifth_bit(std::uint32_t high, std::size_t j) {
  return static_cast<std::int32_t>((high >> j & 1U) << 4);
}

}  // namespace

void f32(const std::byte* source, std::size_t blocks, float* target) {
  to_f32(DType::kF32, source, blocks, target);
}

void f16(const std::byte* source, std::size_t blocks, float* target) {
  to_f32(DType::kF16, source, blocks, target);
}

void f64(const std::byte* source, std::size_t blocks, float* target) {
  to_f32(DType::kF64, source, blocks, target);
}

void bf16(const std::byte* source, std::size_t blocks, float* target) {
  to_f32(DType::kBF16, source, blocks, target);
}

GRAFT_CLONES void q4_0(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 18, target += kElements) {
    const float scale = read_scale(source);
    const Nibbles quants{source + 2};
    for (std::size_t j = 0; j < kHalf; ++j) {
      target[j] = scale * static_cast<float>(quants.low(j) - 8);
      target[j + kHalf] = scale * static_cast<float>(quants.high(j) - 8);
    }
  }
}

GRAFT_CLONES void q4_1(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 20, target += kElements) {
    const float scale = read_scale(source);
    const float least = read_scale(source + 2);
    const Nibbles quants{source + 4};
    for (std::size_t j = 0; j < kHalf; ++j) {
      target[j] = scale * static_cast<float>(quants.low(j)) + least;
      target[j + kHalf] = scale * static_cast<float>(quants.high(j)) + least;
    }
  }
}

GRAFT_CLONES void q5_0(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 22, target += kElements) {
    const float scale = read_scale(source);
    const std::uint32_t high = read_word(source + 2);
    const Nibbles quants{source + 6};
    for (std::size_t j = 0; j < kHalf; ++j) {
      const std::int32_t first = quants.low(j) | fifth_bit(high, j);
      const std::int32_t second = quants.high(j) | fifth_bit(high, j + kHalf);
      target[j] = scale * static_cast<float>(first - 16);
      target[j + kHalf] = scale * static_cast<float>(second - 16);
    }
  }
}

GRAFT_CLONES void q5_1(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 24, target += kElements) {
    const float scale = read_scale(source);
    const float least = read_scale(source + 2);
    const std::uint32_t high = read_word(source + 4);
    const Nibbles quants{source + 8};
    for (std::size_t j = 0; j < kHalf; ++j) {
      const std::int32_t first = quants.low(j) | fifth_bit(high, j);
      const std::int32_t second = quants.high(j) | fifth_bit(high, j + kHalf);
      target[j] = scale * static_cast<float>(first) + least;
      target[j + kHalf] = scale * static_cast<float>(second) + least;
    }
  }
}

GRAFT_CLONES void q8_0(const std::byte* __restrict source, std::size_t blocks,
                       float* __restrict target) {
  for (; blocks > 0; --blocks, source += 34, target += kElements) {
    const float scale = read_scale(source);
    const std::byte* quants = source + 2;
    for (std::size_t j = 0; j < kElements; ++j) {
      const auto quant = std::bit_cast<std::int8_t>(quants[j]);
      target[j] = scale * static_cast<float>(quant);
    }
  }
}

// Quants are numbers of a row of 16 levels.
GRAFT_CLONES void iq4_nl(const std::byte* __restrict source, std::size_t blocks,
                         float* __restrict target) {
  constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                 1,    13,   25,  38,  53,  69,  89,  113};
  for (; blocks > 0; --blocks, source += 18, target += kElements) {
    const float scale = read_scale(source);
    const Nibbles quants{source + 2};
    for (std::size_t j = 0; j < kHalf; ++j) {
      target[j] = scale * kLevels[quants.low(j)];
      target[j + kHalf] = scale * kLevels[quants.high(j)];
    }
  }
}

}  // namespace graft::block_decoder
