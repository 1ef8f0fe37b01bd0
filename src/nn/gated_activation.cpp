// ATen operations as one autograd function; kSilu has kernels of its own.
#include "graft/nn/gated_activation.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "graft/nn/swiglu.h"

namespace graft::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kTanh = "tanh";
constexpr const char* kNone = "none";

at::Tensor activated(Gate gate, const at::Tensor& x) {
  switch (gate) {
    case Gate::kSilu:
      return at::silu(x);
    case Gate::kGelu:
      return at::gelu(x, kNone);
    case Gate::kGeluTanh:
      return at::gelu(x, kTanh);
    case Gate::kRelu:
      return at::relu(x);
  }
  return x;
}

at::Tensor activation_gradient(Gate gate, const at::Tensor& dy,
                               const at::Tensor& x) {
  switch (gate) {
    case Gate::kSilu:
      return at::silu_backward(dy, x);
    case Gate::kGelu:
      return at::gelu_backward(dy, x, kNone);
    case Gate::kGeluTanh:
      return at::gelu_backward(dy, x, kTanh);
    case Gate::kRelu:
      return dy * x.gt(0);
  }
  return dy;
}

struct GatedFunction : torch::autograd::Function<GatedFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up,
                            std::int64_t kind) {
    ctx->save_for_backward({gate_up});
    ctx->saved_data["gate"] = kind;
    const auto halves = gate_up.chunk(2, -1);
    return activated(static_cast<Gate>(kind), halves[0]).mul_(halves[1]);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    if (!grads[0].defined()) return {at::Tensor(), at::Tensor()};
    const auto gate = static_cast<Gate>(ctx->saved_data["gate"].toInt());
    const at::Tensor gate_up = ctx->get_saved_variables()[0];
    const auto halves = gate_up.chunk(2, -1);
    at::Tensor out = at::empty_like(gate_up);
    const auto parts = out.chunk(2, -1);
    parts[0].copy_(activation_gradient(gate, grads[0] * halves[1], halves[0]));
    parts[1].copy_(activated(gate, halves[0]).mul_(grads[0]));
    return {out, at::Tensor()};
  }
};

}  // namespace

at::Tensor gated(Gate gate, const at::Tensor& gate_up) {
  if (gate == Gate::kSilu) return swiglu(gate_up);
  return GatedFunction::apply(gate_up, static_cast<std::int64_t>(gate));
}

LinearInput gated_input(Gate gate, const at::Tensor& gate_up) {
  return remade_input(
      gated(gate, gate_up), {gate_up},
      [gate](at::TensorList sources) { return gated(gate, sources[0]); });
}

}  // namespace graft::nn
