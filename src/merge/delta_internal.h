// The merge formula on a block of rows of one tensor. Entry points: add_delta
// (scale * B A, the one place of the formula) and BlockMerger.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "graft/base/host_tensor.h"
#include "graft/base/row_set.h"
#include "graft/base/stored_tensor.h"

namespace graft {

// One adapter pair on `rows` of one tensor, decoded: a is (rank, in), b is
// (rows, rank). T is float, or double for F64 weights.
template <typename T>
struct LoraOperands {
  RowSet rows{0, std::numeric_limits<std::int64_t>::max()};
  std::int64_t rank = 0;
  std::int64_t in = 0;
  T scale = 1;
  std::vector<T> a;
  std::vector<T> b;
};

// target (rows.size(), in) += scale * b a, on those of `rows` that the pair
// has. Each element is summed over the rank in order, product and sum rounded
// apart: the same bits on every processor and for every split into blocks.
template <typename T>
void add_delta(const LoraOperands<T>& operands, RowSet rows, T* target);

struct BlockStatistics {
  double base_squares = 0.0;
  double delta_squares = 0.0;
  double max_rounding = 0.0;
  bool finite = true;
  bool changed = false;

  void add(const BlockStatistics& other);
};

// An adapter pair as stored, the rows of the tensor that it is on (with more
// than two axes: of all its matrices, one below another), and the row of B that
// belongs to the first of them.
struct LoraPart {
  HostTensor a;
  HostTensor b;
  std::int64_t b_row_begin = 0;
  double scale = 1.0;
  RowSet rows;
};

// A tensor as one matrix: its last axis, and all others as rows.
std::int64_t row_width(const HostTensor& tensor);
std::int64_t row_count(const HostTensor& tensor);

// Merges row blocks of one tensor of a computable type; decodes the parts
// once. merge() is const and thread-safe. `base` has type and shape of the
// result, and the elements unless `stored` has them. Without parts it only
// decodes and rounds.
class BlockMerger {
 public:
  BlockMerger(HostTensor base, StoredTensor stored,
              std::span<const LoraPart> parts);
  BlockMerger(HostTensor base, std::span<const LoraPart> parts)
      : BlockMerger(std::move(base), StoredTensor(), parts) {}

  // `target` holds rows.size() encoded rows.
  BlockStatistics merge(RowSet rows, std::span<std::byte> target) const;

 private:
  template <typename T>
  using Parts = std::vector<LoraOperands<T>>;

  HostTensor base_;
  StoredTensor stored_;
  std::variant<Parts<float>, Parts<double>> parts_;
};

}  // namespace graft
