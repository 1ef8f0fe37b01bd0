// Causal self-attention over segments of the tokens of a batch, on the fused
// and rotated query-key-value product. Entry point: causal_attention.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstdint>
#include <vector>

#include "graft/nn/rotary.h"

namespace graft::nn {

// Tokens [begin, end) of one row of the batch that see each other, and nothing
// else: a whole row, the real tokens of a padded one, or one of several
// examples packed into it.
struct AttentionSegment {
  std::int64_t row = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// True where causal_attention beats LibTorch's kernel: it serves tensors with
// these options (fp32 or bf16 on the CPU), and the CPU has registers of 64
// bytes.
bool prefers_causal_attention(const at::TensorOptions& options);

// softmax(q k^T / sqrt(head_dim)) v inside each segment, each token seeing
// itself and those before it; query head h reads key-value head h * kv_heads /
// heads. qkv: (B, T, (heads + 2 kv_heads) * head_dim), rows ordered [q | k |
// v], queries and keys already rotated. Segments do not overlap; tokens in none
// give zeros. Returns (B, T, heads * head_dim) in qkv's type. Scores and
// softmax are fp32 in both types; the T x T matrix never exists, backward
// recomputes it in blocks of queries. Throws ConfigError for shapes or segments
// that do not fit.
at::Tensor causal_attention(const at::Tensor& qkv, const HeadShape& shape,
                            const std::vector<AttentionSegment>& segments);

}  // namespace graft::nn
