// What a run saves and takes up again. Entry points: TrainRun::save,
// TrainRun::resume_from, trained_parameters.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <optional>
#include <set>
#include <string>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "train/train_run_internal.h"

namespace graft {
namespace {

constexpr char kParameter[] = "parameter/";

std::int64_t integer_of(const nn::NamedState& state, const std::string& name) {
  const auto found = state.integers.find(name);
  if (found != state.integers.end()) return found->second;
  throw FileError(ErrorText{.operation = "resume",
                            .what = "the saved state has no '" + name + "'"});
}

// The first tensor that holds a NaN or an infinity.
std::optional<std::string> not_finite_tensor(const nn::NamedState& state) {
  for (const auto& [name, tensor] : state.tensors) {
    if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>()) {
      return name;
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<TrainedParameter> trained_parameters(nn::CausalLm& model,
                                                 double lora_plus_ratio) {
  std::set<const void*> second_matrices;
  for (const LiveAdapter& adapter : adapters_of(model)) {
    second_matrices.insert(adapter.b.unsafeGetTensorImpl());
  }
  std::set<const void*> seen;
  std::vector<TrainedParameter> out;
  for (const auto& item : model.named_parameters()) {
    const void* identity = item.value().unsafeGetTensorImpl();
    if (!item.value().requires_grad() || !seen.insert(identity).second) {
      continue;
    }
    const bool is_b = second_matrices.contains(identity);
    out.push_back({item.key(), item.value(), is_b ? lora_plus_ratio : 1.0});
  }
  if (out.empty()) {
    throw ConfigError(
        ErrorText{.operation = "train",
                  .what = "nothing is trainable",
                  .hint = "Attach adapters, or call make_trainable"});
  }
  return out;
}

namespace training {

void TrainRun::save(bool is_best, bool is_last) {
  const nn::NamedState state = make_state();
  check_state(state);
  saved_step_ = step_;
  if (callbacks_.on_save) callbacks_.on_save({step_, is_best, is_last, state});
}

nn::NamedState TrainRun::make_state() const {
  nn::NamedState state;
  for (const TrainedParameter& parameter : optimizer_.parameters()) {
    state.tensors[kParameter + parameter.name] = parameter.tensor.detach();
  }
  optimizer_.save_to(state);
  const std::int64_t per_epoch = data_.train.steps_per_epoch();
  state.integers["step"] = step_;
  state.integers["data/epoch"] = step_ / per_epoch;
  state.integers["data/step_in_epoch"] = step_ % per_epoch;
  state.integers["data/steps_per_epoch"] = per_epoch;
  state.integers["dropout/seed"] =
      static_cast<std::int64_t>(options_.dropout_seed);
  state.integers["best/step"] = best_step_;
  state.integers["best/evals_without_improvement"] = evals_without_improvement_;
  if (best_loss_) state.reals["best/eval_loss"] = *best_loss_;
  state.reals["loss"] = last_loss_;
  return state;
}

void TrainRun::check_state(const nn::NamedState& state) {
  const std::string after = " after step " + std::to_string(step_);
  if (const auto name = not_finite_tensor(state)) {
    throw_diverged(
        "the state" + after + " is not finite: tensor '" + *name + "'",
        batches_);
  }
  // Finite weights may still give no finite loss; one micro batch tells.
  const at::NoGradGuard no_gradient;
  const ScopedMode mode(model_, false);
  for (const MicroBatch& batch : batches_) {
    if (batch.label_count == 0) continue;
    const at::Tensor loss = batch_loss(model_, batch, callbacks_.loss);
    if (std::isfinite(loss.item<double>())) return;
    throw_diverged("the loss with the weights" + after + " is not finite",
                   {batch});
  }
}

void TrainRun::resume_from(const nn::NamedState& state) {
  const at::NoGradGuard no_gradient;
  if (const auto name = not_finite_tensor(state)) {
    throw FileError(
        ErrorText{.operation = "resume",
                  .what = "the saved state of step " +
                          std::to_string(integer_of(state, "step")) +
                          " is not finite: tensor '" + *name + "'",
                  .hint = "Remove it to go on from an older one"});
  }
  restore_parameters(optimizer_.parameters(), state);
  optimizer_.load_from(state);
  step_ = first_step_ = saved_step_ = integer_of(state, "step");
  best_step_ = integer_of(state, "best/step");
  evals_without_improvement_ =
      integer_of(state, "best/evals_without_improvement");
  if (const auto best = state.reals.find("best/eval_loss");
      best != state.reals.end()) {
    best_loss_ = best->second;
  }
  if (const auto loss = state.reals.find("loss"); loss != state.reals.end()) {
    last_loss_ = loss->second;
  }
  const std::int64_t per_epoch = data_.train.steps_per_epoch();
  if (integer_of(state, "data/steps_per_epoch") != per_epoch) {
    throw ConfigError(ErrorText{
        .operation = "resume",
        .what = "the training data changed: steps per epoch",
        .got = std::to_string(per_epoch),
        .expected = std::to_string(integer_of(state, "data/steps_per_epoch"))});
  }
}

}  // namespace training

void restore_parameters(const std::vector<TrainedParameter>& parameters,
                        const nn::NamedState& state) {
  const at::NoGradGuard no_gradient;
  for (const TrainedParameter& parameter : parameters) {
    const auto found = state.tensors.find(kParameter + parameter.name);
    if (found == state.tensors.end() ||
        found->second.sizes() != parameter.tensor.sizes()) {
      throw FileError(ErrorText{
          .operation = "resume",
          .what = "the saved state does not fit the model: parameter '" +
                  parameter.name + "'",
          .got = found == state.tensors.end() ? "none" : "another shape"});
    }
    parameter.tensor.detach().copy_(found->second);
  }
}

TrainResult train(nn::CausalLm& model, const TrainData& data,
                  const TrainOptions& options,
                  const TrainCallbacks& callbacks) {
  return training::TrainRun(model, data, options, callbacks).run();
}

}  // namespace graft
