// One unit of attention's work: some blocks of queries of one head of one
// segment, in fp32. Entry points: pack_key_values, attend_unit,
// attend_unit_backward. Private to nn.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "graft/nn/causal_attention.h"

namespace graft::nn {

// Rows of one head in fp32, (rows, columns) with the columns padded by zeros to
// whole vectors.
class PackedRows {
 public:
  PackedRows(std::int64_t rows, std::int64_t columns);
  float* row(std::int64_t i) { return data_.data() + i * width_; }
  const float* row(std::int64_t i) const { return data_.data() + i * width_; }
  std::int64_t width() const { return width_; }

 private:
  std::int64_t width_;
  std::vector<float> data_;
};

// The same transposed: panels of kPanel tokens, each (columns, kPanel).
class PackedPanels {
 public:
  PackedPanels(const PackedRows& rows, std::int64_t count,
               std::int64_t columns);
  const float* panel(std::int64_t index) const;
  std::int64_t depth() const { return depth_; }

 private:
  std::int64_t depth_;
  std::vector<float> data_;
};

// Keys and values of one key-value head of one segment, as products read them;
// shared by the units of its query heads.
struct KeyValues {
  PackedPanels keys;          // for q k^T
  PackedRows values;          // for p v
  PackedRows key_rows;        // backward: for ds k
  PackedPanels value_panels;  // backward: for dy v^T
};
// `backward`: with the parts that only it reads, empty otherwise.
KeyValues pack_key_values(const at::Tensor& qkv, const HeadShape& shape,
                          const AttentionSegment& segment, std::int64_t kv_head,
                          bool backward);

// Queries [first, last) of head `head` in the segment (counted from its
// begin); first is a multiple of kQueryBlock.
struct AttentionUnit {
  AttentionSegment segment;
  std::int64_t head;
  std::int64_t first;
  std::int64_t last;
};
// Queries a block: a block of scores against a few hundred keys fits a core's
// cache; a multiple of the tile's six rows.
inline constexpr std::int64_t kQueryBlock = 96;

// qkv and dy in fp32 or bf16, as causal_attention has them.
struct AttentionForward {
  HeadShape shape;
  at::Tensor qkv;
  at::Tensor out;      // (B, T, heads * head_dim), qkv's type
  at::Tensor log_sum;  // (B, heads, T) fp32
};
void attend_unit(const AttentionForward& work, const AttentionUnit& unit,
                 const KeyValues& seen);

struct AttentionBackward {
  AttentionForward forward;
  at::Tensor dy;
  at::Tensor d_qkv;  // q's part is written
  // (B, T, heads * head_dim) fp32, added to: one part a query head. Units of
  // one head that run side by side have tensors of their own.
  at::Tensor d_key;
  at::Tensor d_value;
};
void attend_unit_backward(const AttentionBackward& work,
                          const AttentionUnit& unit, const KeyValues& seen);

}  // namespace graft::nn
