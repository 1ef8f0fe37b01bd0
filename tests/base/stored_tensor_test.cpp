// Rows of stored tensors: in order, in another order, plain and quantised.
#include "graft/base/stored_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "graft/base/error.h"

namespace graft {
namespace {

using testing::ElementsAre;

// Four rows of two floats: 0 1 | 2 3 | 4 5 | 6 7.
StoredTensor four_rows() {
  const std::vector<float> values{0, 1, 2, 3, 4, 5, 6, 7};
  return StoredTensor::from_plain(HostTensor::from_floats({4, 2}, values), "w");
}

std::vector<float> decoded(const StoredTensor& tensor, RowSet rows) {
  std::vector<float> out(
      static_cast<std::size_t>(rows.size() * tensor.columns()));
  tensor.decode(rows, out.data());
  return out;
}

TEST(StoredTensor, DecodesRowsInOrder) {
  const StoredTensor tensor = four_rows();
  EXPECT_EQ(tensor.rows(), 4);
  EXPECT_EQ(tensor.columns(), 2);
  EXPECT_EQ(tensor.row_bytes(), 8U);
  EXPECT_THAT(decoded(tensor, {1, 3}), ElementsAre(2, 3, 4, 5));
  EXPECT_TRUE(tensor.plain_or_null());
}

TEST(StoredTensor, DecodesRowsInTheirOwnOrder) {
  StoredTensor tensor = four_rows();
  tensor.row_order = std::make_shared<const std::vector<std::int64_t>>(
      std::vector<std::int64_t>{3, 1, 0, 2});
  EXPECT_THAT(decoded(tensor, {0, 4}), ElementsAre(6, 7, 2, 3, 0, 1, 4, 5));
  EXPECT_THAT(decoded(tensor, {2, 3}), ElementsAre(0, 1));
  EXPECT_FALSE(tensor.plain_or_null());
}

TEST(StoredTensor, QuantisedRowsAreWholeBlocks) {
  std::vector<std::byte> bytes(2 * 2 * 34, std::byte{1});
  for (std::size_t block = 0; block < 4; ++block) {
    const std::uint16_t one = 0x3c00;
    std::memcpy(&bytes[block * 34], &one, 2);
    bytes[block * 34 + 2] = static_cast<std::byte>(block);
  }
  const StoredTensor tensor{find_block_format(8), {2, 64}, bytes, nullptr, {}};
  EXPECT_EQ(tensor.row_bytes(), 68U);
  const auto second = decoded(tensor, {1, 2});
  EXPECT_EQ(second[0], 2.0F);
  EXPECT_EQ(second[32], 3.0F);
  EXPECT_EQ(second[63], 1.0F);
  EXPECT_FALSE(tensor.plain_or_null());
}

TEST(StoredTensor, RefusesTypesWithoutADecoder) {
  const HostTensor bytes =
      HostTensor::make_owned(DType::kF8E4M3, {2}, std::vector<std::byte>(2));
  EXPECT_THROW(StoredTensor::from_plain(bytes, "tensor 'w'"), FileError);
}

}  // namespace
}  // namespace graft
