// Packs one head's matrices into fp32 buffers, then runs blocks of queries
// through tile products: scores, softmax, weighted sum; backward forms the
// scores again.
#include "nn/attention_unit_internal.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "nn/attention_kernels_internal.h"
#include "nn/row_tensor_internal.h"
#include "nn/tile_product_internal.h"

namespace graft::nn {
namespace {

std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

// Where one head of one segment lies in a (B, T, width) tensor.
struct HeadRows {
  const at::Tensor& tensor;
  std::int64_t offset;  // of the first element
  std::int64_t stride;  // between tokens
};

HeadRows head_rows(const at::Tensor& x, const AttentionSegment& segment,
                   std::int64_t column) {
  const std::int64_t width = x.size(2);
  return {x, (segment.row * x.size(1) + segment.begin) * width + column, width};
}

template <typename T>
void copy_rows(const T* from, std::int64_t stride, std::int64_t columns,
               std::int64_t rows, PackedRows& to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    float* out = to.row(i);
    for (std::int64_t c = 0; c < columns; ++c) {
      out[c] = load(from + i * stride + c);
    }
  }
}

// Tokens [begin, end) of a head.
PackedRows pack(const HeadRows& head, std::int64_t columns, std::int64_t begin,
                std::int64_t end) {
  PackedRows out(end - begin, columns);
  const std::int64_t from = head.offset + begin * head.stride;
  if (head.tensor.scalar_type() == at::kFloat) {
    copy_rows(row_data<float>(head.tensor) + from, head.stride, columns,
              end - begin, out);
  } else {
    copy_rows(row_data<Bf16>(head.tensor) + from, head.stride, columns,
              end - begin, out);
  }
  return out;
}

template <typename T>
void store_rows(const PackedRows& from, std::int64_t columns, std::int64_t rows,
                T* to, std::int64_t stride) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t c = 0; c < columns; ++c) {
      store(to + i * stride + c, from.row(i)[c]);
    }
  }
}

void unpack(const PackedRows& from, std::int64_t columns, std::int64_t rows,
            const HeadRows& head, std::int64_t begin) {
  const std::int64_t to = head.offset + begin * head.stride;
  if (head.tensor.scalar_type() == at::kFloat) {
    store_rows(from, columns, rows, mutable_row_data<float>(head.tensor) + to,
               head.stride);
  } else {
    store_rows(from, columns, rows, mutable_row_data<Bf16>(head.tensor) + to,
               head.stride);
  }
}

// A block of queries in a segment.
struct Block {
  std::int64_t first;  // query
  std::int64_t rows;
  std::int64_t keys;   // seen by the last query
  std::int64_t width;  // keys rounded up to whole vectors
};

template <typename Use>
void for_blocks(const AttentionUnit& unit, Use use) {
  for (std::int64_t first = unit.first; first < unit.last;
       first += kQueryBlock) {
    const std::int64_t rows = std::min(kQueryBlock, unit.last - first);
    const std::int64_t keys = first + rows;
    use(Block{first, rows, keys, round_up(keys, kVector)});
  }
}

// First row of a block that sees key `key`, rounded down to whole tiles: what
// lies above the diagonal is left out.
std::int64_t first_row(const Block& block, std::int64_t key) {
  return std::max<std::int64_t>(key - block.first, 0) / kTileRows * kTileRows;
}

// out (rows, width) = x (rows, depth) times the panels of the keys that are
// seen; the rest of out is left as it is.
void times_panels(const Block& block, const PackedRows& x, std::int64_t local,
                  const PackedPanels& panels, float* out) {
  for (std::int64_t c = 0; c < block.width; c += kPanel) {
    const std::int64_t skip = first_row(block, c);
    tile_product({x.row(local + skip), x.width(), 1, panels.panel(c / kPanel),
                  kPanel, out + skip * block.width + c, block.width,
                  block.rows - skip, std::min(kPanel, block.width - c),
                  panels.depth(), false});
  }
}

// to (rows, d) = s (rows, width) times the rows of the keys that are seen.
void times_rows(const Block& block, const float* s, const PackedRows& rows,
                PackedRows& to) {
  constexpr std::int64_t kGroup = 4 * kTileRows;
  for (std::int64_t r = 0; r < block.rows; r += kGroup) {
    const std::int64_t count = std::min(kGroup, block.rows - r);
    for (std::int64_t c = 0; c < to.width(); c += kPanel) {
      tile_product({s + r * block.width, block.width, 1, rows.row(0) + c,
                    rows.width(), to.row(r) + c, to.width(), count,
                    std::min(kPanel, to.width() - c), block.first + r + count,
                    false});
    }
  }
}

// to (keys, d) += s^T (keys, rows) times x (rows, d).
void add_transposed(const Block& block, const float* s, const PackedRows& x,
                    std::int64_t local, PackedRows& to) {
  for (std::int64_t key = 0; key < block.keys; key += kPanel) {
    const std::int64_t skip = first_row(block, key);
    const std::int64_t count = std::min(kPanel, block.keys - key);
    for (std::int64_t c = 0; c < to.width(); c += kPanel) {
      tile_product({s + skip * block.width + key, 1, block.width,
                    x.row(local + skip) + c, x.width(), to.row(key) + c,
                    to.width(), count, std::min(kPanel, to.width() - c),
                    block.rows - skip, true});
    }
  }
}

std::vector<float> score_buffer(const AttentionUnit& unit) {
  const std::int64_t rows = std::min(kQueryBlock, unit.last - unit.first);
  return std::vector<float>(
      static_cast<std::size_t>(rows * round_up(unit.last, kVector)));
}

float* log_sums(const AttentionForward& work, const AttentionUnit& unit) {
  const std::int64_t tokens = work.qkv.size(1);
  return mutable_row_data<float>(work.log_sum) +
         (unit.segment.row * work.shape.heads + unit.head) * tokens +
         unit.segment.begin;
}

float score_scale(const HeadShape& shape) {
  return 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
}

}  // namespace

PackedRows::PackedRows(std::int64_t rows, std::int64_t columns)
    : width_(round_up(columns, kVector)),
      data_(static_cast<std::size_t>(rows * width_)) {}

PackedPanels::PackedPanels(const PackedRows& rows, std::int64_t count,
                           std::int64_t columns)
    : depth_(columns),
      data_(static_cast<std::size_t>(round_up(count, kPanel) * columns)) {
  for (std::int64_t i = 0; i < count; ++i) {
    float* out = data_.data() + i / kPanel * kPanel * columns + i % kPanel;
    const float* row = rows.row(i);
    for (std::int64_t c = 0; c < columns; ++c) out[c * kPanel] = row[c];
  }
}

const float* PackedPanels::panel(std::int64_t index) const {
  return data_.data() + index * kPanel * depth_;
}

KeyValues pack_key_values(const at::Tensor& qkv, const HeadShape& shape,
                          const AttentionSegment& segment, std::int64_t kv_head,
                          bool backward) {
  const std::int64_t dim = shape.head_dim;
  const std::int64_t length = segment.end - segment.begin;
  const std::int64_t key = (shape.heads + kv_head) * dim;
  const std::int64_t value = key + shape.kv_heads * dim;
  PackedRows keys = pack(head_rows(qkv, segment, key), dim, 0, length);
  PackedRows values = pack(head_rows(qkv, segment, value), dim, 0, length);
  PackedPanels key_panels(keys, length, dim);
  PackedPanels value_panels(values, backward ? length : 0, dim);
  if (!backward) keys = PackedRows(0, dim);
  return {std::move(key_panels), std::move(values), std::move(keys),
          std::move(value_panels)};
}

void attend_unit(const AttentionForward& work, const AttentionUnit& unit,
                 const KeyValues& seen) {
  const std::int64_t dim = work.shape.head_dim;
  const std::int64_t column = unit.head * dim;
  const PackedRows q = pack(head_rows(work.qkv, unit.segment, column), dim,
                            unit.first, unit.last);
  std::vector<float> scores = score_buffer(unit);
  PackedRows y(kQueryBlock, dim);
  float* log_sum = log_sums(work, unit);
  for_blocks(unit, [&](const Block& block) {
    times_panels(block, q, block.first - unit.first, seen.keys, scores.data());
    causal_softmax({scores.data(), block.rows, block.width, block.first,
                    score_scale(work.shape)},
                   log_sum + block.first);
    times_rows(block, scores.data(), seen.values, y);
    unpack(y, dim, block.rows, head_rows(work.out, unit.segment, column),
           block.first);
  });
}

namespace {

// The queries' side of one unit, as backward reads it.
struct QueryRows {
  QueryRows(const AttentionBackward& work, const AttentionUnit& unit);

  PackedRows q;
  PackedRows dy;
  std::vector<float> delta;  // a query each: sum of dy * y
};

QueryRows::QueryRows(const AttentionBackward& work, const AttentionUnit& unit)
    : q(0, 0), dy(0, 0) {
  const std::int64_t dim = work.forward.shape.head_dim;
  const auto rows = [&](const at::Tensor& x) {
    return pack(head_rows(x, unit.segment, unit.head * dim), dim, unit.first,
                unit.last);
  };
  q = rows(work.forward.qkv);
  dy = rows(work.dy);
  const PackedRows y = rows(work.forward.out);
  for (std::int64_t i = 0; i < unit.last - unit.first; ++i) {
    float sum = 0.0F;
    for (std::int64_t c = 0; c < dim; ++c) sum += dy.row(i)[c] * y.row(i)[c];
    delta.push_back(sum);
  }
}

// Adds rows to those of one head in an fp32 tensor.
void add_rows(const PackedRows& from, std::int64_t columns, std::int64_t rows,
              const HeadRows& head) {
  float* to = mutable_row_data<float>(head.tensor) + head.offset;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t c = 0; c < columns; ++c) {
      to[i * head.stride + c] += from.row(i)[c];
    }
  }
}

}  // namespace

void attend_unit_backward(const AttentionBackward& work,
                          const AttentionUnit& unit, const KeyValues& seen) {
  const std::int64_t dim = work.forward.shape.head_dim;
  const std::int64_t column = unit.head * dim;
  const QueryRows in(work, unit);
  std::vector<float> scores = score_buffer(unit);
  std::vector<float> gradient = score_buffer(unit);
  PackedRows dq(kQueryBlock, dim);
  PackedRows dk(unit.last, dim);
  PackedRows dv(unit.last, dim);
  const float* log_sum = log_sums(work.forward, unit);
  for_blocks(unit, [&](const Block& block) {
    const std::int64_t local = block.first - unit.first;
    times_panels(block, in.q, local, seen.keys, scores.data());
    times_panels(block, in.dy, local, seen.value_panels, gradient.data());
    causal_softmax_backward(
        {scores.data(), block.rows, block.width, block.first,
         score_scale(work.forward.shape)},
        {log_sum + block.first, in.delta.data() + local, gradient.data()});
    add_transposed(block, scores.data(), in.dy, local, dv);
    add_transposed(block, gradient.data(), in.q, local, dk);
    times_rows(block, gradient.data(), seen.key_rows, dq);
    unpack(dq, dim, block.rows, head_rows(work.d_qkv, unit.segment, column),
           block.first);
  });
  add_rows(dk, dim, unit.last, head_rows(work.d_key, unit.segment, column));
  add_rows(dv, dim, unit.last, head_rows(work.d_value, unit.segment, column));
}

}  // namespace graft::nn
