// Which keys each query may see, in the form that attention kernels like best.
// Entry points: make_attention_pattern, make_packed_pattern. Private to models.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "graft/nn/causal_attention.h"

namespace graft {

// At most one of the four. `segments`: what nn::causal_attention takes;
// `lengths`: of the sequences in the one row, for nn::segment_attention;
// `causal`: LibTorch's causal kernel; `bias` (B or 1, 1, T, S) is added to the
// scores. None: every key is seen.
struct AttentionPattern {
  bool causal = false;
  at::Tensor bias;
  std::vector<nn::AttentionSegment> segments;
  std::vector<std::int64_t> lengths;
};

struct AttentionSpan {
  std::int64_t batch = 0;    // B
  std::int64_t queries = 0;  // T
  std::int64_t past = 0;     // tokens in the cache; S = past + T
  bool cached = false;       // keys and values come from a cache
};

// mask: (B, S), non-zero = real token, or undefined. Without a cache, rows
// whose real tokens stand together become segments where causal_attention
// serves `options`. Elsewhere padding on the right needs no bias, since real
// tokens do not see it under causality. What padding tokens get is finite and
// means nothing.
AttentionPattern make_attention_pattern(const at::Tensor& mask,
                                        AttentionSpan span,
                                        const at::TensorOptions& options);

// For sequences of these lengths end to end in one row.
AttentionPattern make_packed_pattern(const std::vector<std::int64_t>& lengths,
                                     const at::TensorOptions& options);

}  // namespace graft
