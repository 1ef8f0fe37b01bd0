// Half floats: every 16-bit pattern survives a round trip, and rounding is to
// nearest even.
#include "graft/base/half.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "graft/base/error.h"
#include "graft/base/host_tensor.h"

namespace graft {
namespace {

TEST(Half, EveryF16PatternSurvivesARoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_f32(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      EXPECT_EQ(f32_to_f16(value), half) << bits;
    }
  }
}

TEST(Half, EveryBf16PatternSurvivesARoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = bf16_to_f32(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(value))));
    } else {
      EXPECT_EQ(f32_to_bf16(value), half) << bits;
    }
  }
}

// The compiler's own _Float16 is the oracle for rounding.
TEST(Half, F16RoundsToNearestEven) {
  const std::array values{1.0f + 0x1p-11f,
                          1.0f + 3 * 0x1p-11f,
                          65519.0f,
                          65520.0f,
                          0x1p-25f,
                          0x1.8p-25f,
                          3 * 0x1p-26f,
                          1e-8f,
                          0.1f,
                          2049.0f,
                          -2051.0f,
                          1e9f,
                          std::numeric_limits<float>::infinity()};
  for (const float value : values) {
    const float expected = static_cast<float>(static_cast<_Float16>(value));
    EXPECT_EQ(f16_to_f32(f32_to_f16(value)), expected) << value;
  }
}

TEST(Half, Bf16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);      // tie to even
  EXPECT_EQ(f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);  // tie to even
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1.1p-8f), 0x3f81);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(Half, UnalignedSourceIsRead) {
  alignas(4) std::array<unsigned char, 9> raw{0, 0, 0, 0x80, 0x3f};
  float out = 0;
  to_f32(DType::kF32, raw.data() + 1, 1, &out);
  EXPECT_EQ(out, 1.0f);
}

TEST(Half, IntegersAreRefused) {
  const HostTensor tensor =
      HostTensor::make_owned(DType::kI32, {1}, std::vector<std::byte>(4));
  EXPECT_THROW(tensor.to_floats(), ConfigError);
}

}  // namespace
}  // namespace graft
