// The plain product with a frozen weight, as slots compute it. Entry point:
// frozen_product. Private to nn.
#pragma once

#include <ATen/core/Tensor.h>

#include "graft/nn/frozen_weight.h"

namespace graft::nn {

// x W^T with the gradient of x alone. x: (..., in) of the weight's compute
// type; returns (..., out), which the caller may overwrite.
at::Tensor frozen_product(const at::Tensor& x,
                          const c10::intrusive_ptr<FrozenWeight>& weight);

}  // namespace graft::nn
