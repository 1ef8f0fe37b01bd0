// The gated activation of Llama-style layers. Entry point: swiglu.
#pragma once

#include <ATen/core/Tensor.h>

namespace graft::nn {

// (..., 2 n) laid out [gate | up] -> (..., n): silu(gate) * up. Backward keeps
// the input alone.
at::Tensor swiglu(const at::Tensor& gate_up);

}  // namespace graft::nn
