// The training loop. Entry points: train, evaluate. Saving is a
// callback: this layer knows no files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/cancellation.h"
#include "graft/nn/causal_lm.h"
#include "graft/nn/named_state.h"
#include "graft/train/adamw.h"
#include "graft/train/batch.h"
#include "graft/train/schedule.h"

namespace graft {

// kTokenMean: summed loss over the labels of the whole step. kMicrobatchMean:
// mean of the micro batches' means.
enum class LossNormalisation { kTokenMean, kMicrobatchMean };

struct TrainOptions {
  std::int64_t steps = 1;  // of the whole run
  Schedule schedule;       // total_steps is set to `steps`
  AdamWOptions adamw;
  double lora_plus_ratio = 1.0;  // rate of B over that of A
  double max_grad_norm = 1.0;    // 0: no clipping
  // Of the routers' load-balancing loss; it is part of StepMetrics::loss, and
  // not of evaluations. Each micro batch weighs as its labels do.
  double router_aux_loss_coef = 0.0;
  LossNormalisation normalisation = LossNormalisation::kTokenMean;
  std::int64_t eval_every = 0;  // 0: at the end only
  std::int64_t save_every = 0;  // 0: at the end only
  // A state is also saved when an evaluation is the best so far.
  bool save_best = false;
  std::int64_t early_stopping = 0;  // evals without improvement; 0: off
  std::uint64_t dropout_seed = 42;
  // State of an earlier run, from on_save; null: start.
  const nn::NamedState* resume = nullptr;
};

struct StepMetrics {
  std::int64_t step = 0;  // of the steps done, this one included
  double loss = 0.0;
  std::vector<double> micro_losses;  // means
  double grad_norm = 0.0;            // before clipping, all parameters
  double learning_rate = 0.0;
  std::int64_t tokens = 0;        // labels learnt from
  std::int64_t input_tokens = 0;  // real tokens computed on
  double seconds = 0.0;
};

struct EvalMetrics {
  std::int64_t step = 0;
  double loss = 0.0;  // mean over labels
  std::int64_t tokens = 0;
  bool is_best = false;  // never with a loss that is not finite
};

// What a resumed run needs: trained tensors, optimizer, position, best loss.
struct SavePoint {
  std::int64_t step = 0;
  bool is_best = false;  // of all evaluations so far
  bool is_last = false;  // finished, stopped early or cancelled
  const nn::NamedState& state;
};

// Replaces CausalLm::loss_sum: the summed loss of a micro batch, a scalar with
// gradient.
using LossFunction =
    std::function<at::Tensor(nn::CausalLm& model, const MicroBatch& batch)>;

struct TrainCallbacks {
  std::function<void(const StepMetrics&)> on_step;
  std::function<void(const EvalMetrics&)> on_eval;
  std::function<void(const SavePoint&)> on_save;
  // Before the update: gradients are complete and not clipped yet.
  std::function<void(std::int64_t step,
                     const std::vector<TrainedParameter>& parameters)>
      step_hook;
  LossFunction loss;
  CancellationToken cancellation;
};

enum class StopReason { kFinished, kCancelled, kEarly };

struct TrainResult {
  StopReason reason = StopReason::kFinished;
  std::int64_t steps = 0;  // done in all, resumed ones included
  double last_loss = 0.0;
  std::optional<double> best_eval_loss;
  std::int64_t best_step = 0;
};

struct TrainData {
  const BatchSource& train;
  const BatchSource* eval = nullptr;
};

// Trains what requires a gradient. After the first step every adapter must
// have received a gradient. Throws Error for a loss, a gradient or, before
// on_save, a state that is not finite (or gives no finite loss on the step's
// data), naming step, rows and the last save; ConfigError when nothing is
// trainable; FileError when options.resume does not fit or is not finite.
TrainResult train(nn::CausalLm& model, const TrainData& data,
                  const TrainOptions& options,
                  const TrainCallbacks& callbacks = {});

// Mean loss over the labels of one pass, without gradient, in eval mode.
EvalMetrics evaluate(nn::CausalLm& model, const BatchSource& data,
                     const LossFunction& loss = {});

// What requires a gradient, in registration order, shared tensors once.
std::vector<TrainedParameter> trained_parameters(nn::CausalLm& model,
                                                 double lora_plus_ratio);

// Copies the trained tensors of a saved state back. Throws FileError when one
// is absent or has another shape.
void restore_parameters(const std::vector<TrainedParameter>& parameters,
                        const nn::NamedState& state);

}  // namespace graft
