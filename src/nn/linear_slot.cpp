// The plain product of a slot. A frozen base runs as one autograd function
// that knows only dx; with nothing to differentiate it builds no graph.
#include "graft/nn/linear_slot.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "nn/frozen_product_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// (..., columns) -> (N, columns), without a copy when contiguous.
at::Tensor as_rows(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

at::Tensor multiply(const FrozenWeight& weight, const at::Tensor& x) {
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape.back() = weight.out();
  at::Tensor y = at::empty(shape, x.options());
  at::Tensor rows = y.view({-1, weight.out()});
  weight.multiply_out(as_rows(x), rows);
  return y;
}

struct FrozenProduct : torch::autograd::Function<FrozenProduct> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const c10::intrusive_ptr<FrozenWeight>& weight) {
    ctx->saved_data["weight"] = c10::IValue::make_capsule(weight);
    return multiply(*weight, x);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto capsule = ctx->saved_data["weight"].toCapsule();
    const auto& weight = static_cast<const FrozenWeight&>(*capsule);
    const at::Tensor& dy = grads[0];
    if (!dy.defined()) return {at::Tensor(), at::Tensor()};
    std::vector<std::int64_t> shape = dy.sizes().vec();
    shape.back() = weight.in();
    at::Tensor dx = at::empty(shape, dy.options());
    at::Tensor rows = dx.view({-1, weight.in()});
    weight.multiply_transposed_out(as_rows(dy), rows);
    return {dx, at::Tensor()};
  }
};

void check_input(const LinearSlot& slot, const at::Tensor& x) {
  if (x.dim() > 0 && x.size(-1) == slot.in() &&
      x.scalar_type() == slot.compute_type()) {
    return;
  }
  const std::string got =
      x.dim() == 0 ? "a scalar" : std::to_string(x.size(-1));
  throw ConfigError(ErrorText{
      "linear layer",
      "input features",
      got + " of " + c10::toString(x.scalar_type()),
      std::to_string(slot.in()) + " of " + c10::toString(slot.compute_type()),
      {}});
}

}  // namespace

at::Tensor frozen_product(const at::Tensor& x,
                          const c10::intrusive_ptr<FrozenWeight>& weight) {
  const bool tracked = at::GradMode::is_enabled();
  return tracked && x.requires_grad() ? FrozenProduct::apply(x, weight)
                                      : multiply(*weight, x);
}

LinearSlot::LinearSlot(c10::intrusive_ptr<FrozenWeight> weight, at::Tensor bias)
    : in_(weight->in()), out_(weight->out()), frozen_(std::move(weight)) {
  if (bias.defined()) {
    bias_ = register_parameter("bias", std::move(bias), false);
  }
}

LinearSlot::LinearSlot(std::int64_t in, std::int64_t out, bool with_bias)
    : in_(in), out_(out) {
  // torch::nn::Linear's start: both uniform in +-1/sqrt(in).
  const double bound = in > 0 ? 1.0 / std::sqrt(static_cast<double>(in)) : 0.0;
  weight_ = register_parameter("weight",
                               at::empty({out, in}).uniform_(-bound, bound));
  if (with_bias) {
    bias_ =
        register_parameter("bias", at::empty({out}).uniform_(-bound, bound));
  }
}

at::Tensor LinearSlot::forward(const LinearInput& x) {
  return op_ ? op_->forward(*this, x) : base_forward(x.value);
}

at::Tensor LinearSlot::base_forward(const at::Tensor& x) const {
  check_input(*this, x);
  if (!frozen_) return at::linear(x, weight_, bias_);
  at::Tensor y = frozen_product(x, frozen_);
  if (!bias_.defined()) return y;
  // In place: nothing saved the product for backward.
  return y.add_(bias_);
}

at::ScalarType LinearSlot::compute_type() const {
  return frozen_ ? frozen_->compute_type() : weight_.scalar_type();
}

at::Tensor LinearSlot::dense_rows(RowSet rows) const {
  if (frozen_) return frozen_->dense_rows(rows);
  const at::NoGradGuard no_grad;
  return weight_.narrow(0, rows.begin, rows.size()).to(at::kFloat, false, true);
}

void LinearSlot::own(at::Tensor weight) {
  frozen_.reset();
  weight_ = std::move(weight);
  weight_.requires_grad_(true);
  if (!bias_.defined()) return;
  // A copy: the frozen bias may be mapped read-only.
  bias_.set_data(bias_.detach().to(weight_.scalar_type(), false, true));
  bias_.requires_grad_(true);
}

void LinearSlot::make_trainable() {
  if (!frozen_) {
    own(weight_);
  } else if (kept_.defined()) {
    own(std::exchange(kept_, at::Tensor()));
  } else {
    own(frozen_->dense_rows({0, out_}));
    register_parameter("weight", weight_);
  }
}

void LinearSlot::make_trainable_with(at::Tensor weight) {
  own(std::move(weight));
}

void LinearSlot::freeze() {
  if (bias_.defined()) bias_.requires_grad_(false);
  if (frozen_) return;
  weight_.requires_grad_(false);
  frozen_ = FrozenWeight::make({{weight_, nullptr}}, ComputeMode::kNative,
                               WeightLayout::kBlocks);
  kept_ = std::exchange(weight_, at::Tensor());
}

}  // namespace graft::nn
