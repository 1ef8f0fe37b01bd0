// silu(gate) * up as one autograd function: own kernels on the CPU, ATen
// elsewhere.
#include "graft/nn/swiglu.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "nn/row_tensor_internal.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor activate(const at::Tensor& gate_up) {
  const std::int64_t n = gate_up.size(-1) / 2;
  if (!has_row_kernels(gate_up)) {
    return at::silu(gate_up.narrow(-1, 0, n)) * gate_up.narrow(-1, n, n);
  }
  std::vector<std::int64_t> shape = gate_up.sizes().vec();
  shape.back() = n;
  at::Tensor y = at::empty(shape, gate_up.options());
  const std::int64_t rows = n == 0 ? 0 : y.numel() / n;
  for_row_ranges(y, rows, 2 * n, [&]<typename T>(T, auto begin, auto end) {
    swiglu_rows({end - begin, n}, row_data<T>(gate_up) + begin * 2 * n,
                mutable_row_data<T>(y) + begin * n);
  });
  return y;
}

at::Tensor gradient(const at::Tensor& gate_up, const at::Tensor& dy) {
  const std::int64_t n = dy.size(-1);
  if (!has_row_kernels(gate_up)) {
    const at::Tensor gate = gate_up.narrow(-1, 0, n);
    const at::Tensor d_gate =
        at::silu_backward(dy * gate_up.narrow(-1, n, n), gate);
    return at::cat({d_gate, dy * at::silu(gate)}, -1);
  }
  at::Tensor out = at::empty_like(gate_up);
  const std::int64_t rows = n == 0 ? 0 : dy.numel() / n;
  for_row_ranges(dy, rows, 2 * n, [&]<typename T>(T, auto begin, auto end) {
    swiglu_rows_backward({end - begin, n}, row_data<T>(gate_up) + begin * 2 * n,
                         row_data<T>(dy) + begin * n,
                         mutable_row_data<T>(out) + begin * 2 * n);
  });
  return out;
}

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up) {
    ctx->save_for_backward({gate_up});
    return activate(gate_up);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    if (!grads[0].defined()) return {at::Tensor()};
    return {gradient(ctx->get_saved_variables()[0], grads[0].contiguous())};
  }
};

}  // namespace

at::Tensor swiglu(const at::Tensor& gate_up) {
  const at::Tensor rows = gate_up.contiguous();
  if (at::GradMode::is_enabled() && rows.requires_grad()) {
    return SwigluFunction::apply(rows);
  }
  const at::NoGradGuard no_grad;
  return activate(rows);
}

}  // namespace graft::nn
