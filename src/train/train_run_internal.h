// The state of one training run between steps. Entry point: TrainRun.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "graft/train/train.h"

namespace graft::training {

class TrainRun {
 public:
  TrainRun(nn::CausalLm& model, const TrainData& data,
           const TrainOptions& options, const TrainCallbacks& callbacks);

  TrainResult run();

 private:
  void resume_from(const nn::NamedState& state);
  // One optimizer step with number step_; throws when numbers go bad.
  StepMetrics run_step();
  double add_gradients(const MicroBatch& batch, std::uint64_t index,
                       double weight);
  void check_labels(const std::vector<MicroBatch>& batches) const;
  void check_first_gradients() const;
  // Norm before clipping.
  double clip_gradients(const std::vector<MicroBatch>& batches);
  // True when the run should stop early.
  bool evaluate_now(bool& is_best);
  void save(bool is_best, bool is_last);
  nn::NamedState make_state() const;
  // Throws when the state, or the loss that it gives, is not finite: such a
  // state must never stand for a good one.
  void check_state(const nn::NamedState& state);
  // `what` is a sentence that names the step.
  [[noreturn]] void throw_diverged(
      const std::string& what, const std::vector<MicroBatch>& batches) const;

  nn::CausalLm& model_;
  const TrainData& data_;
  const TrainOptions& options_;
  const TrainCallbacks& callbacks_;
  Schedule schedule_;
  AdamW optimizer_;
  std::int64_t step_ = 0;  // steps done
  std::int64_t first_step_ = 0;
  std::int64_t saved_step_ = -1;
  std::vector<MicroBatch> batches_;  // of the last step
  double last_loss_ = 0.0;
  std::optional<double> best_loss_;
  std::int64_t best_step_ = 0;
  std::int64_t evals_without_improvement_ = 0;
};

// Train or eval mode of a model for a scope.
class ScopedMode {
 public:
  ScopedMode(torch::nn::Module& model, bool training)
      : model_(model), previous_(model.is_training()) {
    model_.train(training);
  }
  ~ScopedMode() { model_.train(previous_); }
  ScopedMode(const ScopedMode&) = delete;
  ScopedMode& operator=(const ScopedMode&) = delete;

 private:
  torch::nn::Module& model_;
  bool previous_;
};

// Summed loss of a micro batch on the model's device.
at::Tensor batch_loss(nn::CausalLm& model, const MicroBatch& batch,
                      const LossFunction& loss);

}  // namespace graft::training
