// The norm, with or without a residual step before it, as one autograd
// function: own kernels on the CPU, ATen elsewhere.
#include "graft/nn/rms_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>
#include <vector>

#include "nn/row_tensor_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Normalised {
  at::Tensor y;
  at::Tensor sum;   // what was normalised
  at::Tensor rstd;  // (rows), fp32
};

std::int64_t row_count(const at::Tensor& x) {
  return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1);
}

Normalised normalise_aten(const at::Tensor& sum, const at::Tensor& weight,
                          double eps) {
  const at::Tensor wide = sum.to(at::kFloat);
  const at::Tensor rstd = wide.square().mean({-1}, true).add_(eps).rsqrt_();
  return {(wide * rstd * weight).to(sum.scalar_type()), sum,
          rstd.reshape({-1})};
}

// x, delta contiguous; delta may be undefined.
Normalised normalise(const at::Tensor& x, const at::Tensor& delta,
                     const at::Tensor& weight, double eps) {
  const bool added = delta.defined();
  if (!has_row_kernels(x)) {
    return normalise_aten(added ? x + delta : x, weight, eps);
  }
  const std::int64_t n = x.size(-1);
  Normalised out{at::empty_like(x), added ? at::empty_like(x) : x,
                 at::empty({row_count(x)}, x.options().dtype(at::kFloat))};
  for_row_ranges(x, row_count(x), n, [&]<typename T>(T, auto begin, auto end) {
    NormRows<T> rows{row_data<T>(x) + begin * n, row_data<float>(weight),
                     static_cast<float>(eps), end - begin, n};
    if (added) {
      rows.delta = row_data<T>(delta) + begin * n;
      rows.sum = mutable_row_data<T>(out.sum) + begin * n;
    }
    norm_rows(rows, mutable_row_data<T>(out.y) + begin * n,
              mutable_row_data<float>(out.rstd) + begin);
  });
  return out;
}

struct Saved {
  at::Tensor sum;
  at::Tensor weight;
  at::Tensor rstd;
};

at::Tensor input_gradient_aten(const Saved& saved, const at::Tensor& dy) {
  const std::int64_t n = saved.sum.size(-1);
  const at::Tensor wide = saved.sum.to(at::kFloat).view({-1, n});
  const at::Tensor scale = saved.rstd.unsqueeze(1);
  const at::Tensor g = dy.to(at::kFloat).reshape({-1, n}) * saved.weight;
  const at::Tensor dot = (g * wide).mean({-1}, true);
  return ((g - wide * dot * scale.square()) * scale)
      .to(dy.scalar_type())
      .view(dy.sizes());
}

// `carried`: the gradient of the sum itself; may be undefined.
at::Tensor input_gradient(const Saved& saved, const at::Tensor& dy,
                          const at::Tensor& carried) {
  if (!has_row_kernels(saved.sum)) {
    const at::Tensor dx = input_gradient_aten(saved, dy);
    return carried.defined() ? dx + carried : dx;
  }
  const std::int64_t n = dy.size(-1);
  at::Tensor dx = at::empty_like(dy);
  for_row_ranges(
      dy, row_count(dy), n, [&]<typename T>(T, auto begin, auto end) {
        NormRows<T> rows{row_data<T>(saved.sum) + begin * n,
                         row_data<float>(saved.weight), 0.0F, end - begin, n};
        if (carried.defined()) {
          rows.carried = row_data<T>(carried) + begin * n;
        }
        norm_rows_backward(rows, row_data<float>(saved.rstd) + begin,
                           row_data<T>(dy) + begin * n,
                           mutable_row_data<T>(dx) + begin * n);
      });
  return dx;
}

at::Tensor weight_gradient(const Saved& saved, const at::Tensor& dy) {
  const std::int64_t n = dy.size(-1);
  return (dy.to(at::kFloat).reshape({-1, n}) *
          saved.sum.to(at::kFloat).view({-1, n}) * saved.rstd.unsqueeze(1))
      .sum(0);
}

Saved saved_of(AutogradContext* ctx) {
  const variable_list saved = ctx->get_saved_variables();
  return {saved[0], saved[1], saved[2]};
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const at::Tensor& weight, double eps) {
    Normalised out = normalise(x, {}, weight, eps);
    ctx->save_for_backward({x, weight, out.rstd});
    return out.y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(3);
    if (!grads[0].defined()) return out;
    const Saved saved = saved_of(ctx);
    const at::Tensor dy = grads[0].contiguous();
    if (ctx->needs_input_grad(0)) out[0] = input_gradient(saved, dy, {});
    if (ctx->needs_input_grad(1)) out[1] = weight_gradient(saved, dy);
    return out;
  }
};

// Outputs: normalised, sum.
struct AddNormFunction : torch::autograd::Function<AddNormFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x,
                               const at::Tensor& delta,
                               const at::Tensor& weight, double eps) {
    Normalised out = normalise(x, delta, weight, eps);
    ctx->save_for_backward({out.sum, weight, out.rstd});
    return {out.y, out.sum};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list out(4);
    at::Tensor carried = grads[1];
    if (grads[0].defined()) {
      const Saved saved = saved_of(ctx);
      const at::Tensor dy = grads[0].contiguous();
      if (ctx->needs_input_grad(2)) out[2] = weight_gradient(saved, dy);
      if (ctx->needs_input_grad(0) || ctx->needs_input_grad(1)) {
        if (carried.defined()) carried = carried.contiguous();
        carried = input_gradient(saved, dy, carried);
      }
    }
    if (ctx->needs_input_grad(0)) out[0] = carried;
    if (ctx->needs_input_grad(1)) out[1] = carried;
    return out;
  }
};

bool is_tracked(std::initializer_list<at::Tensor> inputs) {
  if (!at::GradMode::is_enabled()) return false;
  for (const at::Tensor& input : inputs) {
    if (input.requires_grad()) return true;
  }
  return false;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor rows = x.contiguous();
  if (is_tracked({x, weight})) return RmsNormFunction::apply(rows, weight, eps);
  const at::NoGradGuard no_grad;
  return normalise(rows, {}, weight, eps).y;
}

AddedNorm add_rms_norm(const at::Tensor& x, const at::Tensor& delta,
                       const at::Tensor& weight, double eps) {
  const at::Tensor rows = x.contiguous();
  const at::Tensor step = delta.contiguous();
  if (is_tracked({x, delta, weight})) {
    const variable_list out = AddNormFunction::apply(rows, step, weight, eps);
    return {out[1], out[0]};
  }
  const at::NoGradGuard no_grad;
  const Normalised out = normalise(rows, step, weight, eps);
  return {out.sum, out.y};
}

LinearInput norm_input(AddedNorm norm, const at::Tensor& weight, double eps) {
  return remade_input(std::move(norm.normalised), {std::move(norm.sum), weight},
                      [eps](at::TensorList sources) {
                        return rms_norm(sources[0], sources[1], eps);
                      });
}

RmsNorm::RmsNorm(const at::Tensor& weight, double eps, double offset)
    : weight_(register_parameter(
          "weight", weight.detach().to(at::kFloat, false, true), false)),
      eps_(eps),
      offset_(offset) {}

RmsNorm::RmsNorm(std::int64_t size, double eps)
    : weight_(register_parameter("weight", at::ones({size}))), eps_(eps) {}

at::Tensor RmsNorm::factor() const {
  return offset_ == 0 ? weight_ : weight_ + offset_;
}

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  return rms_norm(x, factor(), eps_);
}

AddedNorm RmsNorm::forward(const at::Tensor& x, const at::Tensor& delta) const {
  return add_rms_norm(x, delta, factor(), eps_);
}

LinearInput RmsNorm::input_of(AddedNorm norm) const {
  return norm_input(std::move(norm), factor(), eps_);
}

}  // namespace graft::nn
