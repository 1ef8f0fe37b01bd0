// Causal attention with soft-capped scores or a sliding window, in memory that
// a block of queries bounds. Entry point: blocked_attention.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "graft/nn/rotary.h"

namespace graft::nn {

struct ScoreOptions {
  double scale = 1.0;       // of q k^T
  double soft_cap = 0.0;    // cap * tanh(score / cap); 0: none
  std::int64_t window = 0;  // keys seen, the query's own included; 0: all
};

// softmax(scores) v. in: q (B, heads, T, d), k and v (B, kv_heads, S, d), the
// last T keys being those of the queries. Query t sees key s when s <= t + S -
// T, s lies in the window, and both are of one group. groups: (B, S) int64,
// those below 0 being seen by nobody but their own query; undefined: one
// group. Returns (B, T, heads * d) in q's type; scores, softmax and sums are
// fp32 (fp64 for fp64). Backward keeps the inputs and forms each block again.
at::Tensor blocked_attention(const SplitHeads& in, const ScoreOptions& options,
                             const at::Tensor& groups);

}  // namespace graft::nn
