// Which keys each query may see, in the form that attention kernels like best.
// Entry point: make_attention_pattern. Private to models.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace graft {

// At most one of the three: `causal` is the fast path, `bias` (B or 1, 1, T, S)
// is added to the scores, `segments` are lengths of causal sequences in one
// row; none: every key is seen.
struct AttentionPattern {
  bool causal = false;
  at::Tensor bias;
  std::vector<std::int64_t> segments;
};

struct AttentionSpan {
  std::int64_t queries = 0;  // T
  std::int64_t past = 0;     // tokens in the cache; S = past + T
};

// mask: (B, S), non-zero = real token, or undefined. Padding on the right is
// invisible to real tokens under causality, so it needs no bias. A query of a
// padding token always sees itself: its row stays finite and means nothing.
AttentionPattern make_attention_pattern(const at::Tensor& mask,
                                        AttentionSpan span,
                                        const at::TensorOptions& options);

}  // namespace graft
