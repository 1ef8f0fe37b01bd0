// The base weight of a linear layer that is not trained: an ordered list of
// row blocks, each multiplying into its slice of one output. Entry point:
// FrozenWeight::make. Nothing outside this class knows the storage type.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "graft/base/row_set.h"
#include "graft/base/stored_tensor.h"

namespace graft::nn {

// kFp32: products in fp32, whatever the storage (converted block by block into
// one reused scratch). kNative: products in the storage type.
enum class ComputeMode { kFp32, kNative };

// kBlocks: use the blocks where they are (mapped files, no copy). kPacked: one
// contiguous copy.
enum class WeightLayout { kBlocks, kPacked };

struct WeightBlock {
  at::Tensor weight;                  // (rows, in), never written through
  std::shared_ptr<const void> owner;  // keeps mapped bytes valid
  // Without `weight`: rows that are decoded whenever they are needed
  // (quantised, or in another order). On the CPU, kFp32 and kBlocks alone.
  StoredTensor stored = {};
  // Lets the bytes leave memory, to which the next use brings them back: what
  // a mapped file can do. Null: they stay.
  std::function<void()> give_back = nullptr;

  std::int64_t rows() const;
  std::int64_t columns() const;
};

class FrozenWeight : public torch::CustomClassHolder {
 public:
  // Blocks are stacked by rows and agree in `in`, those that are tensors also
  // in dtype and device. Throws ConfigError otherwise.
  static c10::intrusive_ptr<FrozenWeight> make(std::vector<WeightBlock> blocks,
                                               ComputeMode mode,
                                               WeightLayout layout);

  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }
  // Of the tensors; fp32 when all rows are decoded.
  at::ScalarType storage_type() const;
  // Type of x, y, dy and dx: fp32, or the storage type in native mode.
  at::ScalarType compute_type() const;
  at::Device device() const;
  std::size_t block_count() const { return blocks_.size(); }
  // Of the packed copy that has taken the blocks' place; 0 without one.
  std::int64_t packed_bytes() const { return packed_bytes_; }
  // Calls give_back of the blocks that have one, and the bytes of those.
  void give_back() const;
  std::int64_t mapped_bytes() const;

  // y = x W^T. x: (N, in), y: (N, out), both of compute_type(), y written
  // whole.
  void multiply_out(const at::Tensor& x, at::Tensor& y) const;
  // dx = dy W. dy: (N, out), dx: (N, in) written whole.
  void multiply_transposed_out(const at::Tensor& dy, at::Tensor& dx) const;
  // Rows as a new fp32 tensor (rows, in).
  at::Tensor dense_rows(RowSet rows) const;
  // Rows `indices` (N) gathered in compute_type(): embedding lookup. (N, in).
  at::Tensor gather_rows(const at::Tensor& indices) const;

 private:
  FrozenWeight() = default;
  std::vector<WeightBlock> blocks_;
  std::int64_t in_ = 0;
  std::int64_t out_ = 0;
  std::int64_t packed_bytes_ = 0;
  ComputeMode mode_ = ComputeMode::kFp32;
};

}  // namespace graft::nn
