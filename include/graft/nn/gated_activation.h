// The gated activation of an MLP: f(gate) * up. Entry points: gated,
// gated_input.
#pragma once

#include <ATen/core/Tensor.h>

#include "graft/nn/linear_input.h"

namespace graft::nn {

// f. kGeluTanh: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
enum class Gate { kSilu, kGelu, kGeluTanh, kRelu };

// (..., 2 n) laid out [gate | up] -> (..., n). Backward keeps the input alone.
// kSilu is nn::swiglu.
at::Tensor gated(Gate gate, const at::Tensor& gate_up);
// The same for a linear layer that follows: backward makes it again.
LinearInput gated_input(Gate gate, const at::Tensor& gate_up);

}  // namespace graft::nn
