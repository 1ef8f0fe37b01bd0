// Order, splitting and padding of rows.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "graft/base/error.h"
#include "graft/train/batch.h"

namespace graft {
namespace {

using ::testing::ElementsAre;

std::vector<DataRow> make_rows(std::size_t count) {
  std::vector<DataRow> rows;
  for (std::size_t i = 0; i < count; ++i) {
    DataRow row;
    row.raw_index = i;
    row.ids.assign(2 + i % 5, static_cast<std::int64_t>(i));
    row.answer_begin = 1;
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::int64_t> rows_of_epoch(const RowBatches& batches,
                                        std::int64_t epoch) {
  std::vector<std::int64_t> out;
  const std::int64_t per_epoch = batches.steps_per_epoch();
  for (std::int64_t i = 0; i < per_epoch; ++i) {
    for (const MicroBatch& b : batches.step_batches(epoch * per_epoch + i)) {
      out.insert(out.end(), b.rows.begin(), b.rows.end());
    }
  }
  return out;
}

TEST(RowBatches, every_epoch_holds_every_row_once_in_a_new_order) {
  const RowBatches batches(make_rows(23), {.batch_size = 4, .seed = 5});
  EXPECT_EQ(batches.steps_per_epoch(), 6);
  const auto first = rows_of_epoch(batches, 0);
  const auto second = rows_of_epoch(batches, 1);
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), 23U);
  EXPECT_EQ(first.size(), 23U);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, rows_of_epoch(batches, 0));
}

TEST(RowBatches, unshuffled_rows_keep_their_order) {
  const RowBatches batches(
      make_rows(5), {.batch_size = 3, .micro_batch_size = 2, .shuffle = false});
  EXPECT_THAT(rows_of_epoch(batches, 3), ElementsAre(0, 1, 2, 3, 4));
}

TEST(RowBatches, rounded_lengths_are_few_and_pad_alone) {
  std::vector<DataRow> rows = make_rows(3);
  rows[2].ids.assign(17, 2);
  BatchOptions options{
      .batch_size = 3, .micro_batch_size = 3, .shuffle = false};
  const MicroBatch plain = RowBatches(rows, options).step_batches(0).at(0);
  options.round_lengths = true;
  const RowBatches batches(rows, options);
  const MicroBatch rounded = batches.step_batches(0).at(0);
  ASSERT_EQ(plain.input_ids.size(1), 17);
  ASSERT_EQ(rounded.input_ids.size(1), 32);
  EXPECT_EQ(batches.epoch_shapes(0).at(0).at(0).computed, 3 * 32);
  EXPECT_TRUE(rounded.input_ids.narrow(1, 0, 17).equal(plain.input_ids));
  EXPECT_TRUE(rounded.labels.narrow(1, 0, 17).equal(plain.labels));
  EXPECT_TRUE(rounded.attention_mask.sum(1).equal(plain.attention_mask.sum(1)));
  EXPECT_EQ(rounded.labels.narrow(1, 17, 15).ne(-100).sum().item<int>(), 0);
  EXPECT_EQ(rounded.label_count, plain.label_count);
  EXPECT_EQ(rounded.token_count, plain.token_count);
  EXPECT_EQ(rounded_length(512), 512);
  EXPECT_EQ(rounded_length(513), 576);
}

TEST(RowBatches, pads_on_the_right_with_an_exact_mask) {
  const RowBatches batches(
      make_rows(2), {.batch_size = 2, .micro_batch_size = 2, .shuffle = false});
  const auto step = batches.step_batches(0);
  ASSERT_EQ(step.size(), 1U);
  const MicroBatch& batch = step[0];
  EXPECT_TRUE(
      batch.input_ids.equal(at::tensor({0, 0, 0, 1, 1, 1}).view({2, 3})));
  EXPECT_TRUE(
      batch.attention_mask.equal(at::tensor({1, 1, 0, 1, 1, 1}).view({2, 3})));
  EXPECT_TRUE(
      batch.labels.equal(at::tensor({-100, 0, -100, -100, 1, 1}).view({2, 3})));
  EXPECT_EQ(batch.label_count, 3);
  EXPECT_EQ(batch.token_count, 5);
}

TEST(RowBatches, equal_lengths_need_no_mask) {
  const RowBatches batches(make_rows(1),
                           {.batch_size = 1, .micro_batch_size = 1});
  EXPECT_FALSE(batches.step_batches(0)[0].attention_mask.defined());
}

TEST(RowBatches, auto_micro_batches_fit_the_token_budget) {
  std::vector<DataRow> rows = make_rows(8);
  for (DataRow& row : rows) row.ids.assign(1500, 1);
  const RowBatches batches(rows, {.batch_size = 8});
  EXPECT_EQ(batches.step_batches(0).size(), 4U);
}

TEST(RowBatches, a_limit_makes_smaller_micro_batches_of_the_same_rows) {
  std::vector<DataRow> rows = make_rows(8);
  for (DataRow& row : rows) row.ids.assign(100 + row.raw_index, 1);
  for (const Packing packing : {Packing::kOff, Packing::kOn}) {
    RowBatches batches(rows, {.batch_size = 8, .packing = packing});
    EXPECT_EQ(batches.epoch_shapes(0)[0].size(), 1u);
    for (const std::int64_t limit : {450, 220, 64}) {
      batches.limit_micro_batch(limit);
      const std::vector<BatchShape> shapes = batches.epoch_shapes(0)[0];
      std::int64_t real = 0;
      for (const BatchShape& shape : shapes) {
        EXPECT_LE(shape.real, std::max<std::int64_t>(limit, 107));
        real += shape.real;
      }
      EXPECT_EQ(real, 8 * 100 + 28);
    }
    EXPECT_EQ(batches.epoch_shapes(0)[0].size(), 8u);
  }
}

TEST(RowBatches, refuses_empty_data) {
  EXPECT_THROW(RowBatches({}, {}), ConfigError);
  EXPECT_THROW(RowBatches({DataRow{}}, {}), ConfigError);
}

}  // namespace
}  // namespace graft
