// Time of a run. Entry points: measure_time, time_text.
#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "graft/train/train.h"
#include "progress_line.h"
#include "run_estimate.h"

namespace graft::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A piece that is computed fast, and as fast a token as the whole.
constexpr std::int64_t kPieceTokens = 1024;
constexpr std::int64_t kWarmUpTokens = 128;
constexpr double kEnoughSeconds = 3.0;
// A long run may be measured for this part of it.
constexpr double kEnoughPart = 0.03;
constexpr std::int64_t kMostSteps = 64;
// What a disk takes with a flush; slow ones take less.
constexpr double kSavedBytesPerSecond = 250e6;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A cut may have taken every label; what is learnt costs little.
void count_again(MicroBatch& batch) {
  if (count_labels(batch.labels) == 0) batch.labels = batch.input_ids;
  batch.label_count = count_labels(batch.labels);
}

// The first tokens of the first row.
MicroBatch warm_up_piece(const MicroBatch& batch) {
  MicroBatch out;
  const std::int64_t length = std::min(batch.input_ids.size(1), kWarmUpTokens);
  out.input_ids = batch.input_ids.narrow(0, 0, 1).narrow(1, 0, length);
  out.labels = out.input_ids;
  out.label_count = count_labels(out.labels);
  return out;
}

// The first rows of a micro batch, about kPieceTokens, at least one. Rows stay
// whole: attention to a long row costs more a token.
MicroBatch timed_piece(const MicroBatch& batch) {
  MicroBatch out = batch;
  if (batch.segments.empty()) {
    const std::int64_t rows = std::clamp<std::int64_t>(
        kPieceTokens / batch.input_ids.size(1), 1, batch.input_ids.size(0));
    out.input_ids = batch.input_ids.narrow(0, 0, rows);
    out.labels = batch.labels.narrow(0, 0, rows);
    if (batch.attention_mask.defined()) {
      out.attention_mask = batch.attention_mask.narrow(0, 0, rows);
    }
  } else {
    std::int64_t kept = batch.segments.front();
    std::size_t count = 1;
    while (count < batch.segments.size() &&
           kept + batch.segments[count] <= kPieceTokens) {
      kept += batch.segments[count++];
    }
    out.segments.resize(count);
    out.input_ids = batch.input_ids.narrow(1, 0, kept);
    out.labels = batch.labels.narrow(1, 0, kept);
  }
  count_again(out);
  return out;
}

// One micro batch for ever.
class OneBatch : public BatchSource {
 public:
  explicit OneBatch(MicroBatch batch) : batch_(std::move(batch)) {}
  std::vector<MicroBatch> step_batches(std::int64_t) const override {
    return {batch_};
  }
  std::int64_t steps_per_epoch() const override { return 1; }
  std::int64_t computed() const { return batch_.input_ids.numel(); }

 private:
  MicroBatch batch_;
};

struct TokenCounts {
  std::int64_t computed = 0;
  std::int64_t micro_batches = 0;
};

TokenCounts counts_of_epoch(const RowBatches& data, std::int64_t steps) {
  TokenCounts out;
  std::int64_t step = 0;
  for (const auto& shapes : data.epoch_shapes(0)) {
    if (step++ == steps) break;
    for (const BatchShape& shape : shapes) {
      out.computed += shape.computed;
      ++out.micro_batches;
    }
  }
  return out;
}

// Of a whole run; later epochs are taken to be like the first.
double computed_tokens(const RowBatches& data, std::int64_t steps) {
  const std::int64_t per_epoch = data.steps_per_epoch();
  const TokenCounts first = counts_of_epoch(data, steps);
  return static_cast<double>(first.computed) * static_cast<double>(steps) /
         static_cast<double>(std::min(steps, per_epoch));
}

// The micro batch of the first step that is nearest to the epoch's mean.
MicroBatch typical_batch(const RowBatches& data) {
  const TokenCounts counts = counts_of_epoch(data, data.steps_per_epoch());
  const std::int64_t mean = counts.computed / counts.micro_batches;
  std::vector<MicroBatch> batches = data.step_batches(0);
  return *std::ranges::min_element(batches, {}, [&](const MicroBatch& batch) {
    return std::abs(batch.input_ids.numel() - mean);
  });
}

struct StepSeconds {
  double gradients = 0.0;  // of one micro batch
  double update = 0.0;
};

// Runs steps until `enough(seconds so far, seconds of the last)`; the mean of
// all, or of all but the first when there are several.
StepSeconds time_steps(nn::CausalLm& model, const OneBatch& data,
                       const TrainOptions& options, double run_tokens) {
  std::vector<StepSeconds> steps;
  const Clock::time_point start = Clock::now();
  Clock::time_point last = start;
  TrainCallbacks callbacks;
  callbacks.step_hook = [&](std::int64_t, const auto&) {
    steps.push_back({seconds_since(last), 0.0});
    last = Clock::now();
  };
  callbacks.on_step = [&](const StepMetrics&) {
    steps.back().update = seconds_since(last);
    last = Clock::now();
    const double total = seconds_since(start);
    const double whole = steps.back().gradients * run_tokens /
                         static_cast<double>(data.computed());
    if (total >= kEnoughSeconds &&
        (steps.size() > 1 || total > kEnoughPart * whole)) {
      callbacks.cancellation.cancel();
    }
  };
  train(model, {data}, options, callbacks);
  StepSeconds mean;
  const std::size_t first = steps.size() > 1 ? 1 : 0;
  for (std::size_t i = first; i < steps.size(); ++i) {
    mean.gradients += steps[i].gradients;
    mean.update += steps[i].update;
  }
  const auto count = static_cast<double>(steps.size() - first);
  return {mean.gradients / count, mean.update / count};
}

double time_evaluation(nn::CausalLm& model, const OneBatch& data) {
  const Clock::time_point start = Clock::now();
  evaluate(model, data);
  return seconds_since(start);
}

std::int64_t evaluation_count(const TrainSetup& setup) {
  if (!setup.eval_data) return 0;
  const std::int64_t every = setup.recipe.training.eval_every;
  if (every == 0) return 1;
  return setup.steps / every + (setup.steps % every == 0 ? 0 : 1);
}

// Saved states hold values and two moments; the result holds values.
double seconds_of_saves(const TrainSetup& setup) {
  const std::int64_t trained =
      setup.recipe.method == "full"
          ? gpt_parameters(gpt_config(*setup.base.model))
          : static_cast<std::int64_t>(setup.plan.trainable_parameters());
  const std::int64_t every = setup.recipe.training.save_every;
  std::int64_t states = every == 0 ? 1 : setup.steps / every;
  if (every > 0 && setup.steps % every != 0) ++states;
  return static_cast<double>(trained * (12 * states + 4)) /
         kSavedBytesPerSecond;
}

}  // namespace

RunTime measure_time(TrainSetup& setup) {
  const Clock::time_point start = Clock::now();
  attach_trained_parts(setup);
  nn::CausalLm& model = *setup.base.model;
  const MicroBatch typical = typical_batch(*setup.train_data);
  TrainOptions options = make_train_options(setup);
  options.steps = 1;
  options.save_best = false;
  options.eval_every = options.save_every = options.early_stopping = 0;
  // What is measured must stay finite, whatever the recipe's rate.
  options.schedule = {ScheduleKind::kConstant, 1e-6, 0, kMostSteps};
  train(model, {OneBatch(warm_up_piece(typical))}, options);

  RunTime out;
  const double tokens = computed_tokens(*setup.train_data, setup.steps);
  options.steps = kMostSteps;
  const OneBatch piece(timed_piece(typical));
  const StepSeconds step = time_steps(model, piece, options, tokens);
  const auto size = static_cast<double>(piece.computed());
  out.seconds = tokens / size * step.gradients +
                static_cast<double>(setup.steps) * step.update +
                seconds_of_saves(setup);
  out.evaluations = evaluation_count(setup);
  if (out.evaluations > 0) {
    const double pass =
        computed_tokens(*setup.eval_data, setup.eval_data->steps_per_epoch()) /
        size * time_evaluation(model, piece);
    out.seconds += static_cast<double>(out.evaluations) * pass;
  }
  out.computed = static_cast<std::int64_t>(tokens);
  out.tokens_per_s = size / step.gradients;
  out.measured = seconds_since(start);
  return out;
}

std::string time_text(const RunTime& time) {
  char rate[64];
  std::snprintf(rate, sizeof rate, "%.0f tokens/s, measured for %.1f s",
                time.tokens_per_s, time.measured);
  return "time     about " + duration_text(time.seconds) + ": " +
         std::to_string(time.computed) + " tokens to compute, " +
         std::to_string(time.evaluations) + " evaluations (" + rate + ")\n";
}

}  // namespace graft::cli
