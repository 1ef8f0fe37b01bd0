// Rotary position embedding on a fused query-key-value product. Entry points:
// rotary_table, split_rotated, rotated.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace graft::nn {

// cos and sin of each token's angles: (R, pairs) fp32, R = T when all rows of
// the batch share positions, else B * T. With fewer pairs than head_dim / 2 the
// first 2 * pairs coordinates of a head are turned and the others kept.
struct RotaryTable {
  at::Tensor cos;
  at::Tensor sin;
};
// positions: (R) int64; `factor` scales both.
RotaryTable rotary_table(const at::Tensor& positions,
                         const std::vector<float>& inverse_frequencies,
                         double factor);

struct HeadShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};

// (B, heads, T, head_dim), k and v with kv_heads.
struct SplitHeads {
  at::Tensor q;
  at::Tensor k;
  at::Tensor v;
};

// The parts of (B, T, (heads + 2 kv_heads) * head_dim), rows ordered [q | k |
// v], as they are.
SplitHeads split_heads(const at::Tensor& qkv, HeadShape shape);

// Splits (B, T, (heads + 2 kv_heads) * head_dim), rows ordered [q | k | v], and
// turns q and k (the halves of a head are the two coordinates). Consumes `qkv`:
// on the CPU the results share its storage and its contents change.
SplitHeads split_rotated(at::Tensor qkv, const RotaryTable& table,
                         HeadShape shape);

// The same turning with q, k and v left in one product (B, T, width), for
// causal_attention. Consumes `qkv` likewise.
at::Tensor rotated(at::Tensor qkv, const RotaryTable& table, HeadShape shape);

}  // namespace graft::nn
