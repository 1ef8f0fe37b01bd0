// The decoders against blocks that the Python package gguf decoded
// (tests/golden/gguf/make_block_golden.py), and the table's own order.
#include "graft/base/block_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "graft/base/half.h"
#include "graft/io/safetensors.h"
#include "support/shared_data.h"

namespace graft {
namespace {

// The bits of every float; of NaN only that it is one.
std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> out;
  for (const float value : values) {
    out.push_back(std::isnan(value) ? 0x7fc00000U
                                    : std::bit_cast<std::uint32_t>(value));
  }
  return out;
}

TEST(BlockFormat, EveryDecoderEqualsTheReferenceBitForBit) {
  const auto file = SafetensorsFile::open(
      test::source_path("tests/golden/gguf/blocks.safetensors"));
  std::size_t types = 0;
  for (const BlockFormat& format : block_formats()) {
    if (format.decode == nullptr || format.dtype == DType::kF64) continue;
    const std::string name(format.name);
    SCOPED_TRACE(name);
    const TensorEntry* blocks = file.find_or_null(name + ".blocks");
    const TensorEntry* values = file.find_or_null(name + ".values");
    ASSERT_TRUE(blocks != nullptr && values != nullptr);
    ASSERT_EQ(static_cast<std::size_t>(blocks->shape[1]), format.bytes);
    ASSERT_EQ(static_cast<std::size_t>(values->shape[1]), format.elements);
    const auto count = static_cast<std::size_t>(blocks->shape[0]);
    std::vector<float> got(count * format.elements);
    format.decode(file.tensor(*blocks).bytes.data(), count, got.data());
    EXPECT_EQ(bits_of(got), bits_of(file.tensor(*values).to_floats()));
    ++types;
  }
  EXPECT_EQ(types * 2, file.entries().size());
}

TEST(BlockFormat, TableIsOrderedAndFound) {
  std::int64_t last = -1;
  for (const BlockFormat& format : block_formats()) {
    EXPECT_GT(static_cast<std::int64_t>(format.id), last);
    last = format.id;
    EXPECT_EQ(find_block_format(format.id), &format);
    EXPECT_FALSE(format.name.empty());
    if (!format.dtype) continue;
    EXPECT_EQ(format.elements, 1U);
    EXPECT_EQ(format.bytes, dtype_size(*format.dtype));
    EXPECT_EQ(plain_block_format(*format.dtype), &format);
  }
  for (const std::uint32_t id : {4U, 5U, 31U, 36U, 42U, 0xffffffffU}) {
    EXPECT_EQ(find_block_format(id), nullptr) << id;
  }
  EXPECT_EQ(plain_block_format(DType::kF8E4M3), nullptr);
  EXPECT_EQ(decodable_block_formats(),
            "F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, "
            "Q6_K, IQ4_NL, F64, BF16");
}

// One block by hand, so that a wrong golden cannot hide a wrong layout.
TEST(BlockFormat, LayoutOfAFiveBitBlock) {
  std::vector<std::byte> block(24);
  const std::uint16_t scale = f32_to_f16(0.5F);
  const std::uint16_t least = f32_to_f16(-2.0F);
  std::memcpy(&block[0], &scale, 2);
  std::memcpy(&block[2], &least, 2);
  block[4] = std::byte{0x02};  // fifth bit of element 1
  block[7] = std::byte{0x80};  // and of element 31
  block[8] = std::byte{0x73};  // elements 0 and 16
  const BlockFormat* format = find_block_format(7);
  std::vector<float> values(32);
  format->decode(block.data(), 1, values.data());
  EXPECT_EQ(values[0], 3 * 0.5F - 2.0F);
  EXPECT_EQ(values[16], 7 * 0.5F - 2.0F);
  EXPECT_EQ(values[1], 16 * 0.5F - 2.0F);
  EXPECT_EQ(values[31], 16 * 0.5F - 2.0F);
  EXPECT_EQ(values[2], -2.0F);
}

}  // namespace
}  // namespace graft
