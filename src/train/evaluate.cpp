// Loss of data under a model. Entry points: evaluate, batch_loss.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "graft/base/error.h"
#include "train/train_run_internal.h"

namespace graft {

at::Tensor training::batch_loss(nn::CausalLm& model, const MicroBatch& batch,
                                const LossFunction& loss) {
  if (loss) return loss(model, batch);
  const at::Device device = model.device();
  nn::LmInput input;
  input.input_ids = batch.input_ids.to(device);
  if (batch.attention_mask.defined()) {
    input.attention_mask = batch.attention_mask.to(device);
  }
  if (!batch.segments.empty() && !model.takes_segments()) {
    throw ConfigError(ErrorText{
        .operation = "train",
        .what = "data.packing: this model cannot keep packed rows apart",
        .got = "on",
        .expected = "off",
        .hint = "Its class does not override CausalLm::takes_segments"});
  }
  input.segments = batch.segments;
  return model.loss_sum(model.hidden(input), batch.labels.to(device));
}

EvalMetrics evaluate(nn::CausalLm& model, const BatchSource& data,
                     const LossFunction& loss) {
  const at::NoGradGuard no_gradient;
  const training::ScopedMode mode(model, false);
  double sum = 0.0;
  EvalMetrics out;
  for (std::int64_t step = 0; step < data.steps_per_epoch(); ++step) {
    for (const MicroBatch& batch : data.step_batches(step)) {
      sum += training::batch_loss(model, batch, loss).item<double>();
      out.tokens += batch.label_count;
    }
  }
  if (out.tokens > 0) out.loss = sum / static_cast<double>(out.tokens);
  return out;
}

}  // namespace graft
