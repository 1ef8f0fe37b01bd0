// FrozenWeight over rows that are decoded: quantised, reordered, mixed with
// tensors, larger than the scratch; and what it refuses.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/half.h"
#include "graft/nn/frozen_weight.h"
#include "nn/scratch_internal.h"

namespace graft::nn {
namespace {

constexpr std::uint32_t kQ4One = 3;
constexpr std::uint32_t kQ8 = 8;

// Pseudo-random blocks with sane scales.
StoredTensor stored(std::uint32_t type, std::int64_t rows,
                    std::int64_t columns) {
  const BlockFormat* format = find_block_format(type);
  const auto blocks =
      static_cast<std::size_t>(rows * columns) / format->elements;
  auto bytes = std::make_shared<std::vector<std::byte>>(blocks * format->bytes);
  std::uint32_t state = type * 7919 + 1;
  for (std::byte& one : *bytes) {
    state = state * 1664525U + 1013904223U;
    one = static_cast<std::byte>(state >> 24);
  }
  for (std::size_t i = 0; i < blocks; ++i) {
    const std::uint16_t scale =
        f32_to_f16(0.01F * static_cast<float>(i % 7 + 1));
    std::memcpy(bytes->data() + i * format->bytes, &scale, 2);
    if (type != kQ4One) continue;
    std::memcpy(bytes->data() + i * format->bytes + 2, &scale, 2);
  }
  return {format, {rows, columns}, *bytes, bytes, nullptr};
}

at::Tensor dense_of(const StoredTensor& tensor) {
  at::Tensor out = at::empty(tensor.shape, at::kFloat);
  tensor.decode({0, tensor.rows()}, out.mutable_data_ptr<float>());
  return out;
}

c10::intrusive_ptr<FrozenWeight> make(std::vector<WeightBlock> blocks) {
  return FrozenWeight::make(std::move(blocks), ComputeMode::kFp32,
                            WeightLayout::kBlocks);
}

double distance(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).abs().max().item<double>() /
         want.abs().max().item<double>();
}

// Products, rows and look-ups of `weight` against those of `dense`.
void expect_equal(const FrozenWeight& weight, const at::Tensor& dense) {
  at::manual_seed(5);
  const std::int64_t out = dense.size(0);
  ASSERT_EQ(weight.out(), out);
  ASSERT_EQ(weight.in(), dense.size(1));
  const at::Tensor x = at::randn({5, weight.in()});
  at::Tensor y = at::empty({5, out});
  weight.multiply_out(x, y);
  EXPECT_LT(distance(y, x.matmul(dense.t())), 2e-6);
  at::Tensor dx = at::empty_like(x);
  weight.multiply_transposed_out(y, dx);
  EXPECT_LT(distance(dx, y.matmul(dense)), 2e-6);
  EXPECT_TRUE(
      at::equal(weight.dense_rows({1, out - 1}), dense.narrow(0, 1, out - 2)));
  const at::Tensor ids = at::arange(out - 1, -1, -3, at::kLong);
  EXPECT_TRUE(at::equal(weight.gather_rows(ids), dense.index_select(0, ids)));
}

TEST(StoredRows, QuantisedBlocksMultiplyAsTheirValues) {
  const StoredTensor query = stored(kQ4One, 24, 64);
  expect_equal(*make({{{}, nullptr, query}}), dense_of(query));
}

TEST(StoredRows, BlocksOfDifferentTypesAndTensorsMix) {
  const StoredTensor query = stored(kQ4One, 24, 64);
  const StoredTensor key = stored(kQ8, 8, 64);
  const at::Tensor value = at::randn({8, 64}).to(at::kBFloat16);
  const auto weight =
      make({{{}, nullptr, query}, {{}, nullptr, key}, {value, nullptr}});
  EXPECT_EQ(weight->block_count(), 3U);
  EXPECT_EQ(weight->compute_type(), at::kFloat);
  expect_equal(*weight,
               at::cat({dense_of(query), dense_of(key), value.to(at::kFloat)}));
}

TEST(StoredRows, RowsComeInTheirOrder) {
  StoredTensor tensor = stored(kQ8, 6, 32);
  const at::Tensor plain = dense_of(tensor);
  const std::vector<std::int64_t> order{4, 2, 0, 5, 3, 1};
  tensor.row_order = std::make_shared<const std::vector<std::int64_t>>(order);
  expect_equal(*make({{{}, nullptr, tensor}}),
               plain.index_select(0, at::tensor(order)));
}

TEST(StoredRows, LargeBlocksAreDecodedInChunksTheSameOnAnyThreadCount) {
  const std::int64_t in = 2048;
  const std::int64_t rows = kScratchElements / in + 37;
  const StoredTensor tensor = stored(kQ4One, rows, in);
  const auto weight = make({{{}, nullptr, tensor}});
  const at::Tensor dense = dense_of(tensor);
  expect_equal(*weight, dense);
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    EXPECT_TRUE(at::equal(weight->dense_rows({0, rows}), dense));
  }
  at::set_num_threads(threads);
}

TEST(StoredRows, WhatCannotBeDecodedIsRefused) {
  const StoredTensor good = stored(kQ8, 4, 32);
  StoredTensor unknown = good;
  unknown.format = find_block_format(24);  // I8
  StoredTensor vector = good;
  vector.shape = {128};
  EXPECT_THROW(make({{{}, nullptr, unknown}}), ConfigError);
  EXPECT_THROW(make({{{}, nullptr, vector}}), ConfigError);
  EXPECT_THROW(make({{{}, nullptr, good}, {at::ones({2, 31}), nullptr}}),
               ConfigError);
  EXPECT_THROW(FrozenWeight::make({{{}, nullptr, good}}, ComputeMode::kNative,
                                  WeightLayout::kBlocks),
               ConfigError);
  EXPECT_THROW(FrozenWeight::make({{{}, nullptr, good}}, ComputeMode::kFp32,
                                  WeightLayout::kPacked),
               ConfigError);
  const auto weight = make({{{}, nullptr, good}});
  EXPECT_THROW(weight->gather_rows(at::tensor({4}, at::kLong)), ConfigError);
  EXPECT_THROW(weight->gather_rows(at::tensor({-1}, at::kLong)), ConfigError);
}

}  // namespace
}  // namespace graft::nn
