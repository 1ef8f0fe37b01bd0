// Parameters found from divisors make the same divisors again, whether a model
// was published with them or not.
#include "formats/gguf/llama3_rope_internal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace graft {
namespace {

// Written a second time, in waves as transformers' modeling_rope_utils.py
// explains them.
std::vector<float> divisors_of(const RopeConfig& rope, std::size_t pairs) {
  std::vector<float> out;
  for (std::size_t i = 0; i < pairs; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(pairs);
    const double wave = 2 * std::numbers::pi * std::pow(rope.theta, share);
    const auto old = static_cast<double>(rope.original_max_positions);
    const double low = rope.low_freq_factor;
    const double high = rope.high_freq_factor;
    double slowed = 1 / rope.factor;  // of the frequency
    if (wave < old / high) {
      slowed = 1;
    } else if (wave <= old / low) {
      const double smooth = (old / wave - low) / (high - low);
      slowed = (1 - smooth) / rope.factor + smooth;
    }
    out.push_back(static_cast<float>(1 / slowed));
  }
  return out;
}

RopeConfig scaled(double factor, double low, double high, std::int64_t original,
                  double theta = 500000) {
  return {.kind = RopeKind::kLlama3,
          .theta = theta,
          .factor = factor,
          .low_freq_factor = low,
          .high_freq_factor = high,
          .original_max_positions = original};
}

void expect_found(const RopeConfig& rope, std::size_t pairs) {
  const std::vector<float> divisors = divisors_of(rope, pairs);
  const auto found = recognise_llama3(divisors, {.theta = rope.theta});
  ASSERT_TRUE(found) << rope.factor << " " << rope.low_freq_factor << " "
                     << rope.high_freq_factor << " "
                     << rope.original_max_positions;
  std::vector<float> again(pairs, 1.0F);
  if (found->kind == RopeKind::kLlama3) again = divisors_of(*found, pairs);
  if (found->kind == RopeKind::kLinear) {
    again.assign(pairs, static_cast<float>(found->factor));
  }
  for (std::size_t i = 0; i < pairs; ++i) {
    EXPECT_NEAR(again[i], divisors[i], 1.01e-4 * divisors[i]) << i;
  }
}

TEST(Llama3Rope, FindsThePublishedParameters) {
  for (const double factor : {8.0, 32.0}) {
    const auto found = recognise_llama3(
        divisors_of(scaled(factor, 1, 4, 8192), 64), {.theta = 500000});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, RopeKind::kLlama3);
    EXPECT_EQ(found->factor, factor);
    EXPECT_EQ(found->low_freq_factor, 1);
    EXPECT_EQ(found->high_freq_factor, 4);
    EXPECT_EQ(found->original_max_positions, 8192);
  }
}

TEST(Llama3Rope, FindsOthersThatMakeTheSameDivisors) {
  expect_found(scaled(8, 1, 4, 64), 8);
  expect_found(scaled(5, 1.25, 3, 300), 32);
  expect_found(scaled(2, 0.7, 9, 1234, 10000), 16);
  std::mt19937 random(11);
  const auto real = [&random](double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random);
  };
  for (int i = 0; i < 300; ++i) {
    const double low = real(0.3, 3);
    expect_found(
        scaled(real(1.5, 40), low, low + real(0.2, 8),
               static_cast<std::int64_t>(real(16, 20000)), real(1000, 1e6)),
        static_cast<std::size_t>(real(2, 65)));
  }
}

TEST(Llama3Rope, OnesAreNoScalingAndEqualOnesAreLinear) {
  EXPECT_EQ(recognise_llama3({1, 1, 1}, {})->kind, RopeKind::kDefault);
  const auto linear = recognise_llama3({2.5, 2.5}, {});
  EXPECT_EQ(linear->kind, RopeKind::kLinear);
  EXPECT_EQ(linear->factor, 2.5);
}

TEST(Llama3Rope, OtherDivisorsAreNotRecognised) {
  EXPECT_FALSE(recognise_llama3({3, 1, 2}, {}));
  EXPECT_FALSE(recognise_llama3({1, 0.5, 0.25}, {}));
  EXPECT_FALSE(recognise_llama3({1, 1.1F, 1.2F, 4, 4.1F, 8}, {}));
}

}  // namespace
}  // namespace graft
