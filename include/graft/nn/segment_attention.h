// Causal attention of several sequences that lie end to end in one row. Entry
// point: segment_attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "graft/nn/rotary.h"

namespace graft::nn {

// q (1, heads, T, d), k and v (1, kv_heads, T, d) -> (1, T, heads * d). Each
// token sees its own segment up to itself. `lengths` are positive and sum to
// T. No score of two segments is computed, no mask is built.
at::Tensor segment_attention(const SplitHeads& in,
                             const std::vector<std::int64_t>& lengths);

}  // namespace graft::nn
