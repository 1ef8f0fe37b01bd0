// Cross-entropy of a frozen output head without the logits of all tokens in
// memory at once. Entry point: frozen_head_loss.
#pragma once

#include <ATen/core/Tensor.h>

#include "graft/nn/frozen_weight.h"

namespace graft::nn {

// Sum over rows of the cross-entropy of x W^T against `targets`, as an fp32
// scalar with gradient to x. x: (N, in) of the head's compute type; targets:
// (N) int64, each in 0..out-1 (the caller checks). The logits exist for a
// chunk of rows at a time; dx is formed in the same pass.
at::Tensor frozen_head_loss(const at::Tensor& x,
                            const c10::intrusive_ptr<FrozenWeight>& head,
                            const at::Tensor& targets);

}  // namespace graft::nn
