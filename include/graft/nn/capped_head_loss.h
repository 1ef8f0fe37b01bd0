// Cross-entropy of soft-capped logits without those of all tokens in memory at
// once. Entry points: soft_capped, capped_head_loss.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "graft/nn/linear_slot.h"

namespace graft::nn {

// cap * tanh(x / cap).
at::Tensor soft_capped(const at::Tensor& x, double cap);

// As head_loss, over soft_capped(logits, cap): the sum over rows of the
// cross-entropy, an fp32 scalar with gradient to x (N, in) and the head's
// parameters. Chunks of rows are computed again in backward. targets: (N)
// int64, each in 0..out-1 (the caller checks).
at::Tensor capped_head_loss(const at::Tensor& x,
                            const std::shared_ptr<LinearSlot>& head,
                            const at::Tensor& targets, double cap);

}  // namespace graft::nn
