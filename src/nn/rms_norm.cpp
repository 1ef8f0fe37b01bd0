// The norm as one autograd function: own kernels on the CPU, ATen elsewhere.
#include "graft/nn/rms_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "nn/row_tensor_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Normalised {
  at::Tensor y;
  at::Tensor rstd;  // (rows), fp32
};

std::int64_t row_count(const at::Tensor& x) {
  return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1);
}

template <typename T>
NormRows<T> rows_of(const at::Tensor& x, const at::Tensor& weight, double eps,
                    std::int64_t begin, std::int64_t end) {
  const std::int64_t n = x.size(-1);
  return {row_data<T>(x) + begin * n, row_data<float>(weight),
          static_cast<float>(eps), end - begin, n};
}

Normalised normalise(const at::Tensor& x, const at::Tensor& weight,
                     double eps) {
  const std::int64_t n = x.size(-1);
  if (!has_row_kernels(x)) {
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor rstd = wide.square().mean({-1}, true).add_(eps).rsqrt_();
    return {(wide * rstd * weight).to(x.scalar_type()), rstd.reshape({-1})};
  }
  Normalised out{at::empty_like(x),
                 at::empty({row_count(x)}, x.options().dtype(at::kFloat))};
  for_row_ranges(x, row_count(x), n,
                 [&]<typename T>(T, std::int64_t begin, std::int64_t end) {
                   norm_rows(rows_of<T>(x, weight, eps, begin, end),
                             mutable_row_data<T>(out.y) + begin * n,
                             mutable_row_data<float>(out.rstd) + begin);
                 });
  return out;
}

at::Tensor input_gradient(const at::Tensor& x, const at::Tensor& weight,
                          const at::Tensor& rstd, const at::Tensor& dy) {
  const std::int64_t n = x.size(-1);
  if (!has_row_kernels(x)) {
    const at::Tensor wide = x.to(at::kFloat).view({-1, n});
    const at::Tensor scale = rstd.unsqueeze(1);
    const at::Tensor g = dy.to(at::kFloat).reshape({-1, n}) * weight;
    const at::Tensor dot = (g * wide).mean({-1}, true);
    return ((g - wide * dot * scale.square()) * scale)
        .to(x.scalar_type())
        .view(x.sizes());
  }
  at::Tensor dx = at::empty_like(x);
  for_row_ranges(x, row_count(x), n,
                 [&]<typename T>(T, std::int64_t begin, std::int64_t end) {
                   norm_rows_backward(rows_of<T>(x, weight, 0.0, begin, end),
                                      row_data<float>(rstd) + begin,
                                      row_data<T>(dy) + begin * n,
                                      mutable_row_data<T>(dx) + begin * n);
                 });
  return dx;
}

at::Tensor weight_gradient(const at::Tensor& x, const at::Tensor& rstd,
                           const at::Tensor& dy) {
  const std::int64_t n = x.size(-1);
  return (dy.to(at::kFloat).reshape({-1, n}) * x.to(at::kFloat).view({-1, n}) *
          rstd.unsqueeze(1))
      .sum(0);
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const at::Tensor& weight, double eps) {
    Normalised out = normalise(x, weight, eps);
    ctx->save_for_backward({x, weight, out.rstd});
    return out.y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    variable_list out(3);
    if (!grads[0].defined()) return out;
    const at::Tensor dy = grads[0].contiguous();
    if (ctx->needs_input_grad(0)) {
      out[0] = input_gradient(saved[0], saved[1], saved[2], dy);
    }
    if (ctx->needs_input_grad(1)) {
      out[1] = weight_gradient(saved[0], saved[2], dy);
    }
    return out;
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor rows = x.contiguous();
  if (!at::GradMode::is_enabled() ||
      !(x.requires_grad() || weight.requires_grad())) {
    const at::NoGradGuard no_grad;
    return normalise(rows, weight, eps).y;
  }
  return RmsNormFunction::apply(rows, weight, eps);
}

RmsNorm::RmsNorm(const at::Tensor& weight, double eps)
    : weight_(register_parameter(
          "weight", weight.detach().to(at::kFloat, false, true), false)),
      eps_(eps) {}

RmsNorm::RmsNorm(std::int64_t size, double eps)
    : weight_(register_parameter("weight", at::ones({size}))), eps_(eps) {}

at::Tensor RmsNorm::forward(const at::Tensor& x) const {
  return rms_norm(x, weight_, eps_);
}

}  // namespace graft::nn
