// Cross-entropy of an output head without the logits of all tokens in memory
// at once. Entry points: head_loss, frozen_head_loss,
// head_loss_rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "graft/nn/frozen_weight.h"
#include "graft/nn/linear_slot.h"

namespace graft::nn {

// Sum over rows of the cross-entropy of x W^T against `targets`, as an fp32
// scalar with gradient to x. x: (N, in) of the head's compute type; targets:
// (N) int64, each in 0..out-1 (the caller checks). The logits exist for a
// chunk of rows at a time, in at most 64 MiB; dx is formed in the same pass.
at::Tensor frozen_head_loss(const at::Tensor& x,
                            const c10::intrusive_ptr<FrozenWeight>& head,
                            const at::Tensor& targets);

// The same for the logits of any slot, with an operation, with an own weight
// or plain; with gradient to its parameters too.
at::Tensor head_loss(const at::Tensor& x, LinearSlot& head,
                     const at::Tensor& targets);

// Rows of `vocabulary` logits of `element_bytes` each that both hold at once
// on the CPU, at most.
std::int64_t head_loss_rows(std::int64_t vocabulary,
                            std::int64_t element_bytes);

}  // namespace graft::nn
