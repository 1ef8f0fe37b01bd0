// The linear layer that models hold: it keeps its identity for life, and an
// operation inside it can be exchanged. Entry points: LinearSlot, Linear.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/row_set.h"
#include "graft/nn/frozen_weight.h"
#include "graft/nn/linear_input.h"

namespace graft::nn {

class LinearSlot;

// What runs instead of the plain product. Knows no adapter.
class LinearOp {
 public:
  virtual ~LinearOp() = default;
  // x.value: (..., in) of the slot's compute type; returns (..., out), which
  // the caller may overwrite: it must not be saved for backward.
  virtual at::Tensor forward(const LinearSlot& slot, const LinearInput& x) = 0;
  // A number that changes with whatever forward depends on besides its
  // arguments, the slot and the values of parameters.
  virtual std::uint64_t state_key() const { return 0; }
};

// A named part of a fused layer's output: "linear_q" on rows [0, 576).
struct RowComponent {
  std::string name;
  RowSet rows;
};

// Weight of shape (out, in), either frozen (FrozenWeight, no gradient) or an
// own trainable parameter named "weight". The bias, when there is one, is a
// parameter "bias" (out). LibTorch's Linear cannot be adapted in place because
// its forward is not virtual and typed members keep the old object.
class LinearSlot : public torch::nn::Module {
 public:
  // Frozen base; `bias` may be undefined.
  LinearSlot(c10::intrusive_ptr<FrozenWeight> weight, at::Tensor bias);
  // Own trainable fp32 weight (out, in), initialised as torch::nn::Linear.
  LinearSlot(std::int64_t in, std::int64_t out, bool with_bias);

  // (..., in) -> (..., out), through the operation when one is set.
  at::Tensor forward(const LinearInput& x);
  // The plain product, whatever the operation.
  at::Tensor base_forward(const at::Tensor& x) const;

  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }
  bool is_frozen() const { return static_cast<bool>(frozen_); }
  // Null when the slot owns a trainable weight.
  const c10::intrusive_ptr<FrozenWeight>& frozen() const { return frozen_; }
  // The own weight; undefined when frozen.
  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }
  // Type that x must have and that forward returns.
  at::ScalarType compute_type() const;
  // fp32 copy of the base's rows (rows, in).
  at::Tensor dense_rows(RowSet rows) const;

  // Turns the frozen base into an own trainable fp32 parameter (method: full)
  // or freezes an own weight (users' models, when adapters come). Both keep
  // the values; a frozen own weight stays registered, without gradient.
  void make_trainable();
  void freeze();
  // The base becomes `weight` (out, in), which another module registers (a
  // tied head).
  void make_trainable_with(at::Tensor weight);

  // What the model that holds the slot says about it, for selection: the parts
  // of a fused layer in row order (none: one whole), and whether it makes the
  // logits.
  void set_components(std::vector<RowComponent> components) {
    components_ = std::move(components);
  }
  const std::vector<RowComponent>& components() const { return components_; }
  void set_output_head(bool output_head) { output_head_ = output_head; }
  bool is_output_head() const { return output_head_; }

  void set_op(std::shared_ptr<LinearOp> op) { op_ = std::move(op); }
  void clear_op() { op_.reset(); }
  const std::shared_ptr<LinearOp>& op() const { return op_; }

 private:
  void own(at::Tensor weight);

  std::int64_t in_ = 0;
  std::int64_t out_ = 0;
  c10::intrusive_ptr<FrozenWeight> frozen_;
  at::Tensor weight_;
  at::Tensor kept_;  // the registered own weight while it is frozen
  at::Tensor bias_;
  std::shared_ptr<LinearOp> op_;
  std::vector<RowComponent> components_;
  bool output_head_ = false;
};

// The plain slot for users' own models: `graft::nn::Linear` in place of
// `torch::nn::Linear` is all it takes to be adaptable.
class Linear : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};

// Megatron's two kinds; single device here, so they compute as Linear does.
class ColumnParallelLinear : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};
class RowParallelLinear : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};

}  // namespace graft::nn
