// The loop on a model of one layer: learning, resuming, stopping, refusing.
#include "graft/train/train.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "tiny_lm.h"

namespace graft {
namespace {

using test::tiny_plan;
using test::TinyLm;
using ::testing::HasSubstr;

// Token 2k is always followed by 2k + 1.
RowBatches make_data(std::int64_t micro_batch_size = 4) {
  std::vector<DataRow> rows;
  for (std::int64_t i = 0; i < 10; ++i) {
    DataRow row;
    row.raw_index = static_cast<std::size_t>(i);
    for (std::int64_t j = 0; j < 2 + i % 3; ++j) {
      const std::int64_t even = 2 * ((i + j) % 6);
      row.ids.insert(row.ids.end(), {even, even + 1});
    }
    rows.push_back(row);
  }
  return RowBatches(
      rows, {.batch_size = 4, .micro_batch_size = micro_batch_size, .seed = 9});
}

TrainOptions make_options(std::int64_t steps) {
  TrainOptions options;
  options.steps = steps;
  options.schedule = {ScheduleKind::kCosine, 0.05, 2, steps};
  return options;
}

std::unique_ptr<TinyLm> make_model(double dropout = 0.0) {
  auto model = std::make_unique<TinyLm>();
  inject(*model, tiny_plan({"body"}, dropout));
  return model;
}

// Deep copies: the state in a SavePoint shares memory with the run.
nn::NamedState copy_of(const nn::NamedState& state) {
  nn::NamedState out = state;
  for (auto& [name, tensor] : out.tensors) tensor = tensor.clone();
  return out;
}

std::vector<double> losses_of(nn::CausalLm& model, const RowBatches& data,
                              const TrainOptions& options) {
  std::vector<double> losses;
  train(model, {data}, options,
        {.on_step = [&](const StepMetrics& m) { losses.push_back(m.loss); }});
  return losses;
}

TEST(Train, loss_falls_and_the_base_stays) {
  const auto model = make_model();
  const at::Tensor base = model->body().dense_rows({0, TinyLm::kHidden});
  const auto losses = losses_of(*model, make_data(), make_options(60));
  EXPECT_LT(losses.back(), 0.7 * losses.front());
  EXPECT_TRUE(base.equal(model->body().dense_rows({0, TinyLm::kHidden})));
}

TEST(Train, full_training_moves_every_parameter) {
  TinyLm model;
  model.make_trainable();
  std::vector<at::Tensor> before;
  for (const at::Tensor& p : model.parameters()) before.push_back(p.clone());
  losses_of(model, make_data(), make_options(5));
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_FALSE(before[i].equal(model.parameters()[i])) << i;
  }
}

TEST(Train, accumulation_does_not_change_the_step) {
  const auto whole = make_model();
  const auto split = make_model();
  const auto a = losses_of(*whole, make_data(4), make_options(8));
  const auto b = losses_of(*split, make_data(1), make_options(8));
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
}

TEST(Train, resumed_run_equals_an_unbroken_one_bit_for_bit) {
  const RowBatches data = make_data(2);
  const auto unbroken = make_model(0.25);
  losses_of(*unbroken, data, make_options(12));

  const auto first = make_model(0.25);
  nn::NamedState saved;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const StepMetrics& metrics) {
    if (metrics.step == 6) callbacks.cancellation.cancel();
  };
  callbacks.on_save = [&](const SavePoint& point) {
    saved = copy_of(point.state);
    EXPECT_TRUE(point.is_last);
  };
  EXPECT_EQ(train(*first, {data}, make_options(12), callbacks).reason,
            StopReason::kCancelled);

  const auto second = make_model(0.25);
  TrainOptions options = make_options(12);
  options.resume = &saved;
  EXPECT_EQ(train(*second, {data}, options).steps, 12);
  const auto expected = adapters_of(*unbroken);
  const auto got = adapters_of(*second);
  EXPECT_TRUE(expected[0].a.equal(got[0].a));
  EXPECT_TRUE(expected[0].b.equal(got[0].b));
}

TEST(Train, lora_plus_moves_b_faster) {
  const auto model = make_model();
  const auto parameters = trained_parameters(*model, 16.0);
  ASSERT_EQ(parameters.size(), 2U);
  const at::Tensor b = adapters_of(*model)[0].b;
  for (const TrainedParameter& parameter : parameters) {
    EXPECT_EQ(parameter.rate_factor, parameter.tensor.is_same(b) ? 16.0 : 1.0);
  }
}

TEST(Train, clipping_reports_the_norm_before) {
  const auto model = make_model();
  TrainOptions options = make_options(1);
  options.max_grad_norm = 1e-3;
  double seen = 0.0;
  double reported = 0.0;
  TrainCallbacks callbacks;
  callbacks.step_hook = [&](std::int64_t,
                            const std::vector<TrainedParameter>& parameters) {
    for (const auto& p : parameters) {
      seen += p.tensor.grad().square().sum().item<double>();
    }
  };
  callbacks.on_step = [&](const StepMetrics& m) { reported = m.grad_norm; };
  const RowBatches data = make_data();
  train(*model, {data}, options, callbacks);
  EXPECT_NEAR(reported, std::sqrt(seen), 1e-5);
}

TEST(Train, bad_loss_stops_with_step_rows_and_last_save) {
  const auto model = make_model();
  TrainOptions options = make_options(9);
  options.save_every = 3;
  std::int64_t calls = 0;
  TrainCallbacks callbacks;
  callbacks.loss = [&](nn::CausalLm& lm, const MicroBatch& batch) {
    const at::Tensor loss =
        lm.loss_sum(lm.hidden({.input_ids = batch.input_ids}), batch.labels);
    // Call 4 looks at the state before it is saved.
    return ++calls == 6 ? loss * NAN : loss;
  };
  const RowBatches data = make_data();
  try {
    train(*model, {data}, options, callbacks);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("loss of step 5 is not finite (rows "));
    EXPECT_THAT(error.what(), HasSubstr("Last good save: step 3"));
  }
}

TEST(Train, an_adapter_without_gradient_is_named) {
  TinyLm model(/*with_unused_slot=*/true);
  inject(model, tiny_plan({"body", "unused"}));
  const RowBatches data = make_data();
  try {
    train(model, {data}, make_options(3));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no gradient in the first step"));
    EXPECT_THAT(error.what(), HasSubstr("unused"));
  }
}

TEST(Train, nothing_trainable_is_refused) {
  TinyLm model;
  for (at::Tensor& p : model.parameters()) p.requires_grad_(false);
  const RowBatches data = make_data();
  EXPECT_THROW(train(model, {data}, make_options(1)), ConfigError);
}

TEST(Train, stops_early_and_saves_the_best) {
  const auto model = make_model();
  const RowBatches data = make_data();
  TrainOptions options = make_options(50);
  options.eval_every = 1;
  options.save_best = true;
  options.early_stopping = 2;
  options.schedule.base_rate = 3.0;  // too high to improve for long
  options.schedule.kind = ScheduleKind::kConstant;
  std::int64_t best_saved = 0;
  TrainCallbacks callbacks;
  callbacks.on_save = [&](const SavePoint& point) {
    if (point.is_best) best_saved = point.step;
  };
  const TrainResult result = train(*model, {data, &data}, options, callbacks);
  EXPECT_EQ(result.reason, StopReason::kEarly);
  EXPECT_EQ(result.best_step, best_saved);
  EXPECT_EQ(result.steps, result.best_step + 2);
}

TEST(Train, a_state_of_another_model_is_refused) {
  const auto model = make_model();
  const RowBatches data = make_data();
  nn::NamedState state;
  TrainOptions options = make_options(2);
  options.resume = &state;
  EXPECT_THROW(train(*model, {data}, options), FileError);
}

TEST(Evaluate, is_the_mean_over_labels) {
  TinyLm model;
  const RowBatches data = make_data(3);
  double sum = 0.0;
  std::int64_t count = 0;
  for (std::int64_t step = 0; step < data.steps_per_epoch(); ++step) {
    for (const MicroBatch& batch : data.step_batches(step)) {
      sum += model
                 .loss_sum(model.hidden({.input_ids = batch.input_ids}),
                           batch.labels)
                 .item<double>();
      count += batch.label_count;
    }
  }
  const EvalMetrics metrics = evaluate(model, data);
  EXPECT_EQ(metrics.tokens, count);
  EXPECT_NEAR(metrics.loss, sum / static_cast<double>(count), 1e-9);
}

}  // namespace
}  // namespace graft
