// Packed micro batches: how rows are laid out, when packing is chosen, and that
// a packed run takes the steps of a padded one.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "graft/train/train.h"
#include "support/tiny_gpt.h"
#include "tiny_lm.h"
#include "train/row_packing_internal.h"

namespace graft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Packs = std::vector<std::vector<std::int64_t>>;

std::vector<DataRow> rows_of_lengths(const std::vector<std::int64_t>& lengths) {
  std::vector<DataRow> rows;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    DataRow row;
    row.raw_index = i;
    for (std::int64_t t = 0; t < lengths[i]; ++t) {
      row.ids.push_back(1 + (7 * t + 3 * static_cast<std::int64_t>(i)) % 30);
    }
    row.answer_begin = i % 3;
    rows.push_back(row);
  }
  return rows;
}

BatchOptions options_of(Packing packing) {
  BatchOptions options;
  options.batch_size = 5;
  options.packing = packing;
  options.pack_length = 16;
  options.seed = 11;
  return options;
}

TEST(Packing, fits_the_longest_first) {
  struct Row {
    std::vector<std::int64_t> lengths;
    Packs packs;
  };
  const Row rows[] = {{{}, {}},
                      {{3}, {{0}}},
                      {{4, 9, 5, 1}, {{1, 3}, {2, 0}}},
                      {{5, 5, 5, 5}, {{0, 1}, {2, 3}}},
                      {{10, 10, 1, 2}, {{0}, {1}, {3, 2}}},
                      {{12, 3, 8}, {{0}, {2}, {1}}},
                      {{6, 3, 3, 4}, {{0, 3}, {1, 2}}}};
  for (const Row& row : rows) {
    std::vector<std::int64_t> order(row.lengths.size());
    std::iota(order.begin(), order.end(), 0);
    const auto length = [&](std::int64_t i) {
      return row.lengths[static_cast<std::size_t>(i)];
    };
    EXPECT_EQ(training::pack_rows(order, length, 10), row.packs)
        << ::testing::PrintToString(row.lengths);
  }
}

TEST(Packing, lays_rows_end_to_end_and_teaches_no_row_the_next) {
  BatchOptions options = options_of(Packing::kOn);
  options.shuffle = false;
  const RowBatches batches(rows_of_lengths({3, 5, 2}), options);
  const auto step = batches.step_batches(0);
  ASSERT_EQ(step.size(), 1U);
  const MicroBatch& batch = step[0];
  EXPECT_THAT(batch.segments, ElementsAre(5, 3, 2, 6));
  EXPECT_THAT(batch.rows, ElementsAre(1, 0, 2));
  EXPECT_FALSE(batch.attention_mask.defined());
  const at::Tensor ids =
      at::tensor({4, 11, 18, 25, 2, 1, 8, 15, 7, 14}, at::kLong);
  EXPECT_TRUE(batch.input_ids.equal(
      at::cat({ids, at::zeros({6}, at::kLong)}).view({1, 16})));
  EXPECT_TRUE(batch.labels.equal(
      at::cat({at::tensor({-100, 11, 18, 25, 2, -100, 8, 15}, at::kLong),
               at::full({8}, -100, at::kLong)})
          .view({1, 16})));
  EXPECT_EQ(batch.label_count, 6);
  EXPECT_EQ(batch.token_count, 10);
}

TEST(Packing, micro_batch_size_counts_packs) {
  BatchOptions options = options_of(Packing::kOn);
  options.batch_size = 8;
  options.micro_batch_size = 2;
  const RowBatches batches(rows_of_lengths({16, 16, 16, 8, 8, 8, 8, 16}),
                           options);
  const auto step = batches.step_batches(0);
  ASSERT_EQ(step.size(), 3U);
  for (const MicroBatch& batch : step) EXPECT_EQ(batch.token_count, 32);
}

TEST(Packing, keeps_the_rows_of_every_step) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < 23; ++i) lengths.push_back(2 + i * i % 15);
  const RowBatches padded(rows_of_lengths(lengths), options_of(Packing::kOff));
  const RowBatches packed(rows_of_lengths(lengths), options_of(Packing::kOn));
  ASSERT_EQ(padded.steps_per_epoch(), packed.steps_per_epoch());
  const auto rows_of = [](const RowBatches& batches, std::int64_t step) {
    std::vector<std::int64_t> rows;
    std::int64_t labels = 0;
    for (const MicroBatch& batch : batches.step_batches(step)) {
      rows.insert(rows.end(), batch.rows.begin(), batch.rows.end());
      labels += batch.label_count;
    }
    std::ranges::sort(rows);
    rows.push_back(labels);
    return rows;
  };
  for (std::int64_t step = 0; step < 12; ++step) {
    EXPECT_EQ(rows_of(padded, step), rows_of(packed, step)) << step;
  }
}

TEST(Packing, shapes_are_those_of_the_batches) {
  const std::vector<std::int64_t> lengths = {9, 2, 14, 7, 7, 3, 16, 5, 1, 8};
  for (const Packing packing : {Packing::kOn, Packing::kOff}) {
    BatchOptions options = options_of(packing);
    options.micro_batch_size = 2;
    const RowBatches batches(rows_of_lengths(lengths), options);
    for (std::int64_t step = 0; step < 4; ++step) {
      const auto shapes =
          batches.epoch_shapes(step / 2).at(static_cast<std::size_t>(step % 2));
      const auto made = batches.step_batches(step);
      ASSERT_EQ(shapes.size(), made.size());
      for (std::size_t i = 0; i < made.size(); ++i) {
        EXPECT_EQ(shapes[i].computed, made[i].input_ids.numel());
        EXPECT_EQ(shapes[i].real, made[i].token_count);
        EXPECT_EQ(shapes[i].rows,
                  static_cast<std::int64_t>(made[i].rows.size()));
      }
    }
  }
}

TEST(Packing, auto_follows_the_padding) {
  struct Row {
    std::vector<std::int64_t> lengths;
    double ratio;
    bool packed;
  };
  const Row rows[] = {{{8, 8, 8, 8, 8}, 1.0, false},
                      {{10, 10, 10, 10, 6}, 0.92, false},
                      {{15, 15, 15, 15, 4}, 64.0 / 75.0, true},
                      {{10, 10, 10, 10, 9}, 0.98, false},
                      {{10, 2, 10, 10, 9}, 0.82, true},
                      {{2, 1, 2, 2, 1}, 0.8, false},
                      {{2, 2, 2, 2, 16}, 0.3, true}};
  for (const Row& row : rows) {
    const RowBatches batches(rows_of_lengths(row.lengths),
                             options_of(Packing::kAuto));
    EXPECT_NEAR(batches.padded_utilisation().ratio(), row.ratio, 1e-9);
    EXPECT_EQ(batches.is_packed(), row.packed) << row.ratio;
    const Utilisation found = batches.utilisation();
    EXPECT_EQ(found.computed == rounded_length(found.real), row.packed);
    EXPECT_GE(found.ratio(), row.ratio - 1e-9);
  }
}

struct Trained {
  std::vector<double> losses;
  std::vector<double> norms;
  at::Tensor b;
};

Trained train_tiny(Packing packing) {
  const auto model = test::tiny_model();
  Plan plan;
  Site site;
  site.module = "decoder.layers.0.self_attention.linear_qkv";
  site.in = 24;
  site.module_out = 64;
  site.rows = {0, 64};
  site.adapter.rank = 4;
  site.scale = 1.0;
  plan.sites.push_back(site);
  const auto adapters = inject(*model, plan);
  const RowBatches data(
      rows_of_lengths({3, 16, 2, 9, 4, 4, 11, 1, 6, 13, 2, 5}),
      options_of(packing));
  TrainOptions options;
  options.steps = 8;
  options.schedule = {ScheduleKind::kConstant, 0.01, 0, 8};
  Trained out;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const StepMetrics& metrics) {
    out.losses.push_back(metrics.loss);
    out.norms.push_back(metrics.grad_norm);
  };
  train(*model, {data}, options, callbacks);
  out.losses.push_back(evaluate(*model, data).loss);
  out.b = adapters[0].b.detach();
  return out;
}

TEST(Packing, takes_the_steps_of_a_padded_run) {
  const Trained padded = train_tiny(Packing::kOff);
  const Trained packed = train_tiny(Packing::kOn);
  for (std::size_t i = 0; i < padded.losses.size(); ++i) {
    EXPECT_NEAR(packed.losses[i], padded.losses[i], 2e-5) << i;
  }
  for (std::size_t i = 0; i < padded.norms.size(); ++i) {
    EXPECT_NEAR(packed.norms[i] / padded.norms[i], 1.0, 2e-4) << i;
  }
  EXPECT_LT(test::distance(packed.b, padded.b), 2e-4);
}

// TinyLm does not say that it keeps segments apart.
TEST(Packing, is_refused_by_models_that_cannot) {
  test::TinyLm model;
  model.make_trainable();
  std::vector<DataRow> rows = rows_of_lengths({3, 4});
  for (DataRow& row : rows) {
    for (std::int64_t& id : row.ids) id %= test::TinyLm::kVocab;
  }
  const RowBatches data(rows, options_of(Packing::kOn));
  try {
    train(model, {data}, {});
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("data.packing"));
    EXPECT_THAT(error.what(), HasSubstr("takes_segments"));
  }
  EXPECT_THROW(evaluate(model, data), ConfigError);
}

}  // namespace
}  // namespace graft
