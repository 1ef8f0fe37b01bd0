// The merge formula on odd shapes, against a plain triple loop to the bit.
#include "merge/delta_internal.h"

#include <gtest/gtest.h>

#include "merge/checkpoint_fixture.h"

namespace graft {
namespace {

template <typename T>
LoraOperands<T> make_operands(std::int64_t rows, std::int64_t in,
                              std::int64_t rank) {
  const auto values = [](std::int64_t count, std::uint32_t seed) {
    const auto floats =
        test::made_up_values(static_cast<std::size_t>(count), seed);
    return std::vector<T>(floats.begin(), floats.end());
  };
  return {.rank = rank,
          .in = in,
          .scale = static_cast<T>(1.7),
          .a = values(rank * in, 1),
          .b = values(rows * rank, 2)};
}

template <typename T>
void expect_formula(std::int64_t rows, std::int64_t in, std::int64_t rank) {
  const LoraOperands<T> operands = make_operands<T>(rows, in, rank);
  std::vector<T> found(static_cast<std::size_t>(rows * in), T{1});
  // In two blocks: where the cut is must not matter.
  const std::int64_t cut = rows / 3;
  add_delta(operands, {0, cut}, found.data());
  add_delta(operands, {cut, rows}, found.data() + cut * in);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < in; ++column) {
      T sum = 0;
      for (std::int64_t k = 0; k < rank; ++k) {
        const T product = operands.b[static_cast<std::size_t>(row * rank + k)] *
                          operands.a[static_cast<std::size_t>(k * in + column)];
        sum += product;
      }
      const T delta = operands.scale * sum;
      ASSERT_EQ(found[static_cast<std::size_t>(row * in + column)], 1 + delta);
    }
  }
}

TEST(Delta, EqualsThePlainLoopsToTheBit) {
  struct Row {
    std::int64_t rows, in, rank;
  };
  for (const Row& row : std::vector<Row>{{1, 1, 1},
                                         {4, 16, 4},
                                         {7, 15, 3},
                                         {9, 33, 16},
                                         {64, 130, 5},
                                         {3, 8, 64}}) {
    expect_formula<float>(row.rows, row.in, row.rank);
    expect_formula<double>(row.rows, row.in, row.rank);
  }
}

TEST(Delta, CountsWhatItMerged) {
  const HostTensor base = test::made_up_tensor(DType::kF32, {3, 20}, 1);
  const LoraPart part{.a = test::made_up_tensor(DType::kF32, {2, 20}, 2),
                      .b = test::made_up_tensor(DType::kF32, {3, 2}, 3),
                      .scale = 0.0,
                      .rows = {0, 3}};
  std::vector<std::byte> target(base.bytes.size());
  const BlockStatistics unchanged =
      BlockMerger(base, std::vector{part}).merge({0, 3}, target);
  EXPECT_FALSE(unchanged.changed);
  EXPECT_TRUE(unchanged.finite);
  EXPECT_EQ(unchanged.delta_squares, 0.0);
  double squares = 0.0;
  for (const float value : base.to_floats()) {
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  EXPECT_NEAR(unchanged.base_squares, squares, 1e-5 * squares);
}

}  // namespace
}  // namespace graft
