// FrozenWeight against dense fp32 products, for every storage type, block
// split, layout and alignment.
#include "graft/nn/frozen_weight.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "nn/scratch_internal.h"

namespace graft::nn {
namespace {

struct Case {
  std::string name;
  at::ScalarType storage;
  ComputeMode mode;
  WeightLayout layout;
  std::vector<std::int64_t> rows;  // of each block
  double tolerance;                // relative to the largest output
};

at::Tensor random(std::vector<std::int64_t> shape, at::ScalarType type) {
  return at::randn(shape, at::kFloat).to(type);
}

std::vector<WeightBlock> split(const at::Tensor& dense, const Case& row) {
  std::vector<WeightBlock> blocks;
  std::int64_t begin = 0;
  for (const std::int64_t count : row.rows) {
    blocks.push_back({dense.narrow(0, begin, count), nullptr});
    begin += count;
  }
  return blocks;
}

double distance(const at::Tensor& got, const at::Tensor& want) {
  const double size = want.abs().max().item<double>() + 1e-30;
  return (got.to(at::kDouble) - want.to(at::kDouble))
             .abs()
             .max()
             .item<double>() /
         size;
}

std::vector<Case> cases() {
  using enum ComputeMode;
  using enum WeightLayout;
  return {
      {"fp32_one", at::kFloat, kFp32, kBlocks, {24}, 1e-6},
      {"fp32_three", at::kFloat, kFp32, kBlocks, {24, 8, 8}, 1e-6},
      {"fp32_packed", at::kFloat, kFp32, kPacked, {24, 8, 8}, 1e-6},
      {"bf16_stored", at::kBFloat16, kFp32, kBlocks, {24, 8, 8}, 1e-6},
      {"fp16_stored", at::kHalf, kFp32, kBlocks, {7, 5}, 1e-6},
      {"fp64_stored", at::kDouble, kFp32, kBlocks, {7, 5}, 1e-6},
      {"bf16_native", at::kBFloat16, kNative, kBlocks, {24, 8}, 1e-2},
      {"bf16_native_packed", at::kBFloat16, kNative, kPacked, {24, 8}, 1e-2},
      {"fp16_native", at::kHalf, kNative, kBlocks, {24, 8}, 2e-3},
  };
}

class FrozenWeightProduct : public testing::TestWithParam<Case> {};

TEST_P(FrozenWeightProduct, equals_dense_product) {
  const Case& row = GetParam();
  at::manual_seed(1);
  std::int64_t out = 0;
  for (const std::int64_t count : row.rows) out += count;
  const at::Tensor dense = random({out, 20}, row.storage);
  const auto weight =
      FrozenWeight::make(split(dense, row), row.mode, row.layout);
  ASSERT_EQ(weight->in(), 20);
  ASSERT_EQ(weight->out(), out);
  const auto type = weight->compute_type();
  const at::Tensor x = random({9, 20}, type);
  const at::Tensor dy = random({9, out}, type);
  at::Tensor y = at::full({9, out}, 7.0, x.options());
  at::Tensor dx = at::full({9, 20}, 7.0, x.options());
  weight->multiply_out(x, y);
  weight->multiply_transposed_out(dy, dx);
  const at::Tensor wide = dense.to(at::kDouble);
  EXPECT_LT(distance(y, x.to(at::kDouble).matmul(wide.t())), row.tolerance);
  EXPECT_LT(distance(dx, dy.to(at::kDouble).matmul(wide)), row.tolerance);
  at::Tensor again = at::empty_like(y);
  weight->multiply_out(x, again);
  EXPECT_TRUE(at::equal(y, again)) << "a rerun must give the same bits";
}

TEST_P(FrozenWeightProduct, gives_rows) {
  const Case& row = GetParam();
  at::manual_seed(2);
  std::int64_t out = 0;
  for (const std::int64_t count : row.rows) out += count;
  const at::Tensor dense = random({out, 20}, row.storage);
  const auto weight =
      FrozenWeight::make(split(dense, row), row.mode, row.layout);
  const at::Tensor rows = weight->dense_rows({3, out - 2});
  EXPECT_TRUE(at::equal(rows, dense.narrow(0, 3, out - 5).to(at::kFloat)));
  const at::Tensor ids = at::arange(out - 1, -1, -2, at::kLong);
  EXPECT_TRUE(at::equal(weight->gather_rows(ids),
                        dense.index_select(0, ids).to(weight->compute_type())));
}

INSTANTIATE_TEST_SUITE_P(Storage, FrozenWeightProduct,
                         testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

TEST(FrozenWeight, packs_when_told) {
  const at::Tensor half = at::ones({6, 4}, at::kBFloat16);
  const auto blocks = [&] {
    return std::vector<WeightBlock>{{half, nullptr}, {half, nullptr}};
  };
  const auto count = [&](ComputeMode mode, WeightLayout layout) {
    return FrozenWeight::make(blocks(), mode, layout)->block_count();
  };
  EXPECT_EQ(count(ComputeMode::kNative, WeightLayout::kBlocks), 2U);
  EXPECT_EQ(count(ComputeMode::kNative, WeightLayout::kPacked), 1U);
  EXPECT_EQ(count(ComputeMode::kFp32, WeightLayout::kPacked), 1U);
}

// What a block of a mapped file does, and how often.
TEST(FrozenWeight, gives_back_what_it_uses_where_it_is) {
  int calls = 0;
  const auto made = [&](WeightLayout layout) {
    std::vector<WeightBlock> blocks(2);
    for (WeightBlock& block : blocks) {
      block.weight = at::ones({6, 4}, at::kBFloat16);
      block.give_back = [&calls] { ++calls; };
    }
    return FrozenWeight::make(std::move(blocks), ComputeMode::kNative, layout);
  };
  const auto mapped = made(WeightLayout::kBlocks);
  mapped->give_back();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(mapped->mapped_bytes(), 2 * 6 * 4 * 2);
  EXPECT_EQ(mapped->packed_bytes(), 0);
  // A packed copy is not the file's.
  const auto packed = made(WeightLayout::kPacked);
  packed->give_back();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(packed->mapped_bytes(), 0);
  EXPECT_EQ(packed->packed_bytes(), 2 * 6 * 4 * 2);
}

TEST(FrozenWeight, reads_unaligned_bytes_and_never_writes_them) {
  at::manual_seed(3);
  const at::Tensor values = at::randn({5, 4});
  std::vector<char> bytes(values.nbytes() + 1);
  std::memcpy(bytes.data() + 1, values.const_data_ptr(), values.nbytes());
  const std::vector<char> before = bytes;
  const at::Tensor odd =
      at::from_blob(bytes.data() + 1, {5, 4}, at::TensorOptions(at::kFloat));
  const auto weight = FrozenWeight::make({{odd, nullptr}}, ComputeMode::kFp32,
                                         WeightLayout::kBlocks);
  const at::Tensor x = at::eye(4);
  at::Tensor y = at::empty({4, 5});
  weight->multiply_out(x, y);
  EXPECT_TRUE(at::equal(y, values.t()));
  EXPECT_EQ(bytes, before);
}

TEST(FrozenWeight, converts_large_blocks_in_chunks) {
  at::manual_seed(4);
  const std::int64_t in = 1024;
  const std::int64_t rows = 2 * kScratchElements / in + 37;
  const at::Tensor dense = at::randn({rows, in}).to(at::kBFloat16);
  const auto weight = FrozenWeight::make({{dense, nullptr}}, ComputeMode::kFp32,
                                         WeightLayout::kBlocks);
  const at::Tensor x = at::randn({3, in});
  at::Tensor y = at::empty({3, rows});
  at::Tensor dx = at::empty({3, in});
  weight->multiply_out(x, y);
  weight->multiply_transposed_out(y, dx);
  const at::Tensor wide = dense.to(at::kFloat);
  EXPECT_LT(distance(y, x.matmul(wide.t())), 1e-5);
  EXPECT_LT(distance(dx, y.matmul(wide)), 1e-5);
}

TEST(FrozenWeight, refuses_blocks_that_do_not_fit) {
  const auto make = [](std::vector<WeightBlock> blocks) {
    return FrozenWeight::make(std::move(blocks), ComputeMode::kFp32,
                              WeightLayout::kBlocks);
  };
  const at::Tensor good = at::ones({2, 3});
  EXPECT_THROW(make({}), ConfigError);
  EXPECT_THROW(make({{at::Tensor(), nullptr}}), ConfigError);
  EXPECT_THROW(make({{at::ones({3}), nullptr}}), ConfigError);
  EXPECT_THROW(make({{at::ones({2, 3}, at::kInt), nullptr}}), ConfigError);
  EXPECT_THROW(make({{good, nullptr}, {at::ones({2, 4}), nullptr}}),
               ConfigError);
  EXPECT_THROW(make({{good, nullptr}, {at::ones({2, 3}, at::kHalf), nullptr}}),
               ConfigError);
  EXPECT_THROW(make({{good, nullptr}})->dense_rows({0, 3}), ConfigError);
}

}  // namespace
}  // namespace graft::nn
