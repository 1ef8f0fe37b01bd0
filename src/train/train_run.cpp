// The loop: micro batches, clipping, update, evaluation, saving. Entry point:
// TrainRun::run.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "train/train_run_internal.h"

namespace graft::training {
namespace {

constexpr double kClipEps = 1e-6;

std::string row_list(const std::vector<MicroBatch>& batches) {
  std::string out;
  for (const MicroBatch& batch : batches) {
    for (const std::int64_t row : batch.rows) {
      out += (out.empty() ? "" : ", ") + std::to_string(row + 1);
    }
  }
  return out.empty() ? "not numbered" : out;
}

bool has_no_gradient(const at::Tensor& tensor) {
  return !tensor.grad().defined() || !tensor.grad().any().item<bool>();
}

// No token of the step may have chosen the one expert.
bool may_be_idle(const Site& site) {
  return site.layer_kind == LayerKind::kTeGrouped && !site.component.empty();
}

}  // namespace

TrainRun::TrainRun(nn::CausalLm& model, const TrainData& data,
                   const TrainOptions& options, const TrainCallbacks& callbacks)
    : model_(model),
      data_(data),
      options_(options),
      callbacks_(callbacks),
      schedule_(options.schedule),
      optimizer_(trained_parameters(model, options.lora_plus_ratio),
                 options.adamw) {
  schedule_.total_steps = options.steps;
  model.set_router_loss(options.router_aux_loss_coef > 0.0);
  if (options.resume) resume_from(*options.resume);
}

TrainResult TrainRun::run() {
  TrainResult result;
  const ScopedMode mode(model_, true);
  while (step_ < options_.steps) {
    if (callbacks_.cancellation.is_cancelled()) {
      result.reason = StopReason::kCancelled;
      if (saved_step_ != step_) save(false, true);
      break;
    }
    const StepMetrics metrics = run_step();
    if (callbacks_.on_step) callbacks_.on_step(metrics);
    bool is_best = false;
    const bool stop = evaluate_now(is_best);
    if (stop) result.reason = StopReason::kEarly;
    const bool last = stop || step_ == options_.steps;
    const bool due =
        options_.save_every > 0 && step_ % options_.save_every == 0;
    if (due || last || (is_best && options_.save_best)) save(is_best, last);
    if (stop) break;
  }
  result.steps = step_;
  result.last_loss = last_loss_;
  result.best_eval_loss = best_loss_;
  result.best_step = best_step_;
  return result;
}

StepMetrics TrainRun::run_step() {
  const auto start = std::chrono::steady_clock::now();
  batches_ = data_.train.step_batches(step_);
  const std::vector<MicroBatch>& batches = batches_;
  check_labels(batches);
  StepMetrics out;
  for (const MicroBatch& batch : batches) {
    out.tokens += batch.label_count;
    out.input_tokens += batch.token_count;
  }
  const bool by_token = options_.normalisation == LossNormalisation::kTokenMean;
  const auto count = static_cast<double>(batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const auto labels = static_cast<double>(batches[i].label_count);
    const double weight = by_token ? 1.0 / static_cast<double>(out.tokens)
                                   : 1.0 / (std::max(labels, 1.0) * count);
    const double sum = add_gradients(batches[i], i, weight);
    if (!std::isfinite(sum)) {
      throw_diverged(
          "the loss of step " + std::to_string(step_ + 1) + " is not finite",
          {batches[i]});
    }
    out.loss += sum * weight;
    out.micro_losses.push_back(sum / std::max(labels, 1.0));
  }
  if (step_ == first_step_) check_first_gradients();
  if (callbacks_.step_hook) {
    callbacks_.step_hook(step_, optimizer_.parameters());
  }
  out.grad_norm = clip_gradients(batches);
  out.learning_rate = learning_rate(schedule_, step_);
  optimizer_.step(out.learning_rate);
  optimizer_.clear_gradients();
  last_loss_ = out.loss;
  out.step = ++step_;
  out.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return out;
}

double TrainRun::add_gradients(const MicroBatch& batch, std::uint64_t index,
                               double weight) {
  set_dropout_counter(model_, {.seed = options_.dropout_seed,
                               .step = static_cast<std::uint64_t>(step_),
                               .micro_batch = index});
  if (batch.label_count == 0) return 0.0;
  const at::Tensor loss = batch_loss(model_, batch, callbacks_.loss);
  double balance = 0.0;
  if (options_.router_aux_loss_coef > 0.0) {
    // The mean over labels, as `loss` is their sum.
    const double factor =
        options_.router_aux_loss_coef * static_cast<double>(batch.label_count);
    balance = factor * model_.router_loss(factor * weight).item<double>();
  }
  (loss * weight).backward();
  return loss.item<double>() + balance;
}

void TrainRun::check_labels(const std::vector<MicroBatch>& batches) const {
  const bool any = std::ranges::any_of(
      batches, [](const MicroBatch& batch) { return batch.label_count > 0; });
  if (any) return;
  throw ConfigError(ErrorText{
      .operation = "train",
      .what = "step " + std::to_string(step_ + 1) +
              " has no label to learn from (rows " + row_list(batches) + ")",
      .hint = "Raise data.max_length, or check the data"});
}

void TrainRun::check_first_gradients() const {
  std::string sites;
  std::size_t count = 0;
  for (const LiveAdapter& adapter : adapters_of(model_)) {
    if (!has_no_gradient(adapter.b) || may_be_idle(adapter.site)) continue;
    if (++count <= 8) sites += (count > 1 ? ", " : "") + adapter.site.path();
  }
  for (const TrainedParameter& parameter : optimizer_.parameters()) {
    if (parameter.tensor.grad().defined()) continue;
    if (++count <= 8) sites += (count > 1 ? ", " : "") + parameter.name;
  }
  if (count == 0) return;
  throw Error(ErrorText{
      .operation = "train",
      .what = std::to_string(count) +
              " trained parts received no gradient in the first step: " +
              sites + (count > 8 ? ", ..." : ""),
      .hint = "They do not take part in the model's output: take them out of "
              "the targets"});
}

double TrainRun::clip_gradients(const std::vector<MicroBatch>& batches) {
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> gradients;
  std::vector<at::Tensor> norms;
  for (const TrainedParameter& parameter : optimizer_.parameters()) {
    if (!parameter.tensor.grad().defined()) continue;
    gradients.push_back(parameter.tensor.grad());
    norms.push_back(at::linalg_vector_norm(gradients.back()));
  }
  const double norm = at::linalg_vector_norm(at::stack(norms)).item<double>();
  if (!std::isfinite(norm)) {
    throw_diverged(
        "the gradient of step " + std::to_string(step_ + 1) + " is not finite",
        batches);
  }
  if (options_.max_grad_norm <= 0.0) return norm;
  const double factor = options_.max_grad_norm / (norm + kClipEps);
  if (factor < 1.0) {
    for (at::Tensor& gradient : gradients) gradient.mul_(factor);
  }
  return norm;
}

bool TrainRun::evaluate_now(bool& is_best) {
  const bool due = options_.eval_every > 0 && step_ % options_.eval_every == 0;
  if (!data_.eval || (!due && step_ != options_.steps)) return false;
  EvalMetrics metrics = evaluate(model_, *data_.eval, callbacks_.loss);
  metrics.step = step_;
  metrics.is_best = std::isfinite(metrics.loss) &&
                    (!best_loss_ || metrics.loss < *best_loss_);
  is_best = metrics.is_best;
  if (is_best) {
    best_loss_ = metrics.loss;
    best_step_ = step_;
    evals_without_improvement_ = 0;
  } else {
    ++evals_without_improvement_;
  }
  if (callbacks_.on_eval) callbacks_.on_eval(metrics);
  return options_.early_stopping > 0 &&
         evals_without_improvement_ >= options_.early_stopping;
}

void TrainRun::throw_diverged(const std::string& what,
                              const std::vector<MicroBatch>& batches) const {
  throw Error(ErrorText{
      .operation = "train",
      .what = what + " (rows " + row_list(batches) + ")",
      .hint = (saved_step_ < 0 ? std::string("Nothing was saved yet. ")
                               : "Last good save: step " +
                                     std::to_string(saved_step_) + ". ") +
              (step_ == 0 ? "No step was taken yet: the model's weights are "
                            "damaged, or too large for compute.dtype"
                          : "Try a lower training.learning_rate")});
}

}  // namespace graft::training
