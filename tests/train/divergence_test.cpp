// Runs whose numbers go bad: no such state is saved, counts as best or is
// resumed, and the error names step, rows and the last good save.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "graft/train/train.h"
#include "tiny_lm.h"

namespace graft {
namespace {

using test::tiny_plan;
using test::TinyLm;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double kInf = std::numeric_limits<double>::infinity();

// Four rows a step; raw indices from `first` on.
RowBatches make_data(std::size_t first = 0) {
  std::vector<DataRow> rows;
  for (std::size_t i = 0; i < 8; ++i) {
    DataRow row;
    row.raw_index = first + i;
    row.ids = {static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1};
    rows.push_back(row);
  }
  return RowBatches(rows, {.batch_size = 4, .shuffle = false});
}

class Divergence : public testing::Test {
 protected:
  Divergence() : data_(make_data()) {
    inject(model_, tiny_plan({"body"}));
    options_.steps = 4;
    options_.schedule = {ScheduleKind::kConstant, 0.01, 0, 4};
    callbacks_.on_save = [this](const SavePoint& point) {
      saved_.push_back(point.step);
      state_ = point.state;
      for (auto& [name, tensor] : state_.tensors) tensor = tensor.clone();
    };
  }

  // After the update of `step`, one entry of B is `value`.
  void poison_after(std::int64_t step, double value) {
    callbacks_.on_step = [this, step, value](const StepMetrics& metrics) {
      if (metrics.step != step) return;
      const at::NoGradGuard no_grad;
      adapters_of(model_)[0].b.view({-1})[0].fill_(value);
    };
  }

  std::string error_of_run() {
    try {
      train(model_, {data_}, options_, callbacks_);
    } catch (const ConfigError& error) {
      ADD_FAILURE() << "the caller is blamed: " << error.what();
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  TinyLm model_;
  RowBatches data_;
  TrainOptions options_;
  TrainCallbacks callbacks_;
  std::vector<std::int64_t> saved_;
  nn::NamedState state_;
};

TEST_F(Divergence, a_bad_state_is_not_saved) {
  for (const double bad : {static_cast<double>(NAN), kInf, -kInf}) {
    saved_.clear();
    options_.save_every = 1;
    poison_after(3, bad);
    const std::string error = error_of_run();
    EXPECT_THAT(error, HasSubstr("the state after step 3 is not finite"));
    EXPECT_THAT(error, HasSubstr("parameter/"));
    EXPECT_THAT(error, HasSubstr("(rows 1, 2, 3, 4)"));
    EXPECT_THAT(error, HasSubstr("Last good save: step 2."));
    EXPECT_THAT(saved_, ElementsAre(1, 2));
    const at::NoGradGuard no_grad;
    adapters_of(model_)[0].b.zero_();
  }
}

TEST_F(Divergence, in_the_last_step) {
  poison_after(4, kInf);
  const std::string error = error_of_run();
  EXPECT_THAT(error, HasSubstr("the state after step 4 is not finite"));
  EXPECT_THAT(error, HasSubstr("(rows 5, 6, 7, 8)"));
  EXPECT_THAT(error, HasSubstr("Nothing was saved yet."));
  EXPECT_THAT(saved_, ElementsAre());
}

TEST_F(Divergence, finite_weights_without_a_finite_loss) {
  options_.save_every = 1;
  bool bad = false;
  callbacks_.on_step = [&](const StepMetrics& m) { bad = m.step == 2; };
  callbacks_.loss = [&](nn::CausalLm& lm, const MicroBatch& batch) {
    const at::Tensor loss =
        lm.loss_sum(lm.hidden({.input_ids = batch.input_ids}), batch.labels);
    return bad ? loss * NAN : loss;
  };
  const std::string error = error_of_run();
  EXPECT_THAT(error, HasSubstr("the loss with the weights after step 2"));
  EXPECT_THAT(error, HasSubstr("Last good save: step 1."));
  EXPECT_THAT(saved_, ElementsAre(1));
}

TEST_F(Divergence, an_eval_loss_that_is_no_number_is_never_the_best) {
  const RowBatches eval = make_data(100);
  options_.eval_every = 1;
  options_.save_best = true;
  std::int64_t step = 0;
  std::vector<std::int64_t> best;
  callbacks_.on_step = [&](const StepMetrics& m) { step = m.step; };
  callbacks_.on_eval = [&](const EvalMetrics& m) {
    if (m.is_best) best.push_back(m.step);
  };
  // Evaluations: NaN, 3, infinity, 2.
  callbacks_.loss = [&](nn::CausalLm& lm, const MicroBatch& batch) {
    const double by_step[] = {0, NAN, 3, kInf, 2};
    if (batch.rows.front() >= 100) return at::full({}, by_step[step]);
    return lm.loss_sum(lm.hidden({.input_ids = batch.input_ids}), batch.labels);
  };
  const TrainResult result =
      train(model_, {data_, &eval}, options_, callbacks_);
  EXPECT_THAT(best, ElementsAre(2, 4));
  EXPECT_EQ(result.best_step, 4);
  EXPECT_THAT(saved_, ElementsAre(2, 4));
}

TEST_F(Divergence, a_bad_state_is_not_resumed) {
  train(model_, {data_}, options_, callbacks_);
  state_.tensors.begin()->second.view({-1})[0].fill_(NAN);
  options_.resume = &state_;
  try {
    train(model_, {data_}, options_, callbacks_);
    FAIL() << "no error";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("step 4 is not finite: tensor '" +
                                        state_.tensors.begin()->first));
  }
}

}  // namespace
}  // namespace graft
