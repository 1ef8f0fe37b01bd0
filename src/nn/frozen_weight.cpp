// Products over row blocks. Every block, or chunk of rows of a block that must
// be converted first, is visited as a matrix of the compute type.
#include "graft/nn/frozen_weight.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "nn/scratch_internal.h"
#include "nn/stored_rows_internal.h"

namespace graft::nn {
namespace {

bool is_storage_type(at::ScalarType type) {
  return type == at::kFloat || type == at::kDouble || type == at::kHalf ||
         type == at::kBFloat16;
}

std::string describe(const at::Tensor& weight) {
  std::string text = c10::toString(weight.scalar_type());
  text += " [";
  for (std::int64_t i = 0; i < weight.dim(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(weight.size(i));
  }
  return text + "] on " + weight.device().str();
}

[[noreturn]] void refuse(const std::string& what, const std::string& got,
                         const std::string& expected) {
  throw ConfigError(ErrorText{"frozen weight", what, got, expected, {}});
}

bool is_stored(const WeightBlock& block) { return !block.weight.defined(); }

void check_tensor(const at::Tensor& weight, const at::Tensor& first) {
  if (weight.dim() != 2 || !is_storage_type(weight.scalar_type())) {
    refuse("row block", describe(weight), "a floating-point matrix");
  }
  if (weight.scalar_type() != first.scalar_type() ||
      weight.device() != first.device() || weight.size(1) != first.size(1)) {
    refuse("row block", describe(weight),
           "columns, type and device of " + describe(first));
  }
}

// Decoding makes fp32 on the CPU.
void check_stored(const StoredTensor& stored, const at::Tensor& first) {
  if (stored.format == nullptr) refuse("row block", "no tensor", "a matrix");
  const std::string got = "decoded rows of type " +
                          std::string(stored.format->name) + " [" +
                          std::to_string(stored.rows()) + ", " +
                          std::to_string(stored.columns()) + "]";
  if (stored.format->decode == nullptr || stored.shape.size() != 2) {
    refuse("row block", got, "a matrix of a type that can be decoded");
  }
  if (first.defined() && !first.device().is_cpu()) {
    refuse("row block", got, "rows on " + first.device().str());
  }
}

void check_blocks(const std::vector<WeightBlock>& blocks) {
  if (blocks.empty()) refuse("row blocks", "none", "at least one");
  at::Tensor first;
  for (const WeightBlock& block : blocks) {
    if (!first.defined() && !is_stored(block)) first = block.weight;
  }
  for (const WeightBlock& block : blocks) {
    if (is_stored(block)) {
      check_stored(block.stored, first);
    } else {
      check_tensor(block.weight, first);
    }
    if (block.columns() != blocks[0].columns()) {
      refuse("row block", std::to_string(block.columns()) + " columns",
             std::to_string(blocks[0].columns()));
    }
  }
}

void check_mode(const std::vector<WeightBlock>& blocks, ComputeMode mode,
                WeightLayout layout) {
  if (std::none_of(blocks.begin(), blocks.end(), is_stored)) return;
  if (mode == ComputeMode::kNative) {
    refuse("compute.dtype", "native over quantised rows", "fp32");
  }
  if (layout == WeightLayout::kPacked) {
    refuse("compute.weight_layout", "packed over quantised rows", "blocks");
  }
}

bool is_misaligned(const at::Tensor& weight) {
  const auto address =
      reinterpret_cast<std::uintptr_t>(weight.const_data_ptr());
  return weight.is_cpu() && address % weight.element_size() != 0;
}

// A block whose bytes kernels may read as elements: contiguous, and aligned to
// the element size (safetensors promises neither).
WeightBlock usable(WeightBlock block) {
  if (is_stored(block)) return block;
  const at::Tensor& weight = block.weight;
  if (!weight.is_contiguous()) return {weight.contiguous(), nullptr};
  if (!is_misaligned(weight)) return block;
  at::Tensor copy = at::empty(weight.sizes(), weight.options());
  std::memcpy(copy.mutable_data_ptr(), weight.const_data_ptr(),
              weight.nbytes());
  return {std::move(copy), nullptr};
}

std::vector<WeightBlock> packed(const std::vector<WeightBlock>& blocks) {
  std::vector<at::Tensor> parts;
  parts.reserve(blocks.size());
  for (const WeightBlock& block : blocks) parts.push_back(block.weight);
  return {WeightBlock{at::cat(parts), nullptr}};
}

// Rows per conversion: all, or an even share that fits the scratch.
std::int64_t chunk_rows(const WeightBlock& block) {
  const std::int64_t rows = block.rows();
  const std::int64_t columns = std::max<std::int64_t>(block.columns(), 1);
  const std::int64_t limit =
      std::max<std::int64_t>(kScratchElements / columns, 1);
  const std::int64_t chunks = (rows + limit - 1) / limit;
  return chunks <= 1 ? rows : (rows + chunks - 1) / chunks;
}

// Rows of a block in fp32 into contiguous `target` (rows.size(), in).
void convert_rows(const WeightBlock& block, RowSet rows, at::Tensor& target) {
  if (is_stored(block)) {
    decode_rows(block.stored, rows, target.mutable_data_ptr<float>());
  } else {
    target.copy_(block.weight.narrow(0, rows.begin, rows.size()));
  }
}

// use(dense, begin): `dense` (n, in) of the compute type holds rows [begin,
// begin + n); a converted chunk is valid during the call only.
template <typename Use>
void visit_rows(const std::vector<WeightBlock>& blocks, at::ScalarType type,
                Use use) {
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks) {
    const std::int64_t rows = block.rows();
    if (!is_stored(block) && block.weight.scalar_type() == type) {
      use(block.weight, begin);
      begin += rows;
      continue;
    }
    const at::Device device =
        is_stored(block) ? at::Device(at::kCPU) : block.weight.device();
    const std::int64_t step = chunk_rows(block);
    for (std::int64_t row = 0; row < rows; row += step) {
      const std::int64_t count = std::min(step, rows - row);
      at::Tensor dense = scratch_floats(count, block.columns(), device);
      convert_rows(block, {row, row + count}, dense);
      use(dense, begin + row);
    }
    begin += rows;
  }
}

// Rows `indices` of one block in `type`.
at::Tensor gather_from(const WeightBlock& block, const at::Tensor& indices,
                       at::ScalarType type) {
  if (is_stored(block)) return decode_some_rows(block.stored, indices);
  return block.weight.index_select(0, indices).to(type);
}

void check_indices(const at::Tensor& indices, std::int64_t out) {
  if (indices.numel() == 0) return;
  const auto lowest = indices.min().item<std::int64_t>();
  const auto highest = indices.max().item<std::int64_t>();
  if (lowest < 0 || highest >= out) {
    refuse("row index", std::to_string(lowest < 0 ? lowest : highest),
           "0.." + std::to_string(out - 1));
  }
}

}  // namespace

std::int64_t WeightBlock::rows() const {
  return weight.defined() ? weight.size(0) : stored.rows();
}

std::int64_t WeightBlock::columns() const {
  return weight.defined() ? weight.size(1) : stored.columns();
}

c10::intrusive_ptr<FrozenWeight> FrozenWeight::make(
    std::vector<WeightBlock> blocks, ComputeMode mode, WeightLayout layout) {
  check_blocks(blocks);
  check_mode(blocks, mode, layout);
  const at::NoGradGuard no_grad;
  for (WeightBlock& block : blocks) block = usable(std::move(block));
  const bool packs = layout == WeightLayout::kPacked && blocks.size() > 1;
  if (packs) blocks = packed(blocks);
  c10::intrusive_ptr<FrozenWeight> made(
      std::unique_ptr<FrozenWeight>(new FrozenWeight()));
  made->in_ = blocks[0].columns();
  for (const WeightBlock& block : blocks) made->out_ += block.rows();
  if (packs) {
    made->packed_bytes_ = static_cast<std::int64_t>(blocks[0].weight.nbytes());
  }
  made->mode_ = mode;
  made->blocks_ = std::move(blocks);
  return made;
}

void FrozenWeight::give_back() const {
  for (const WeightBlock& block : blocks_) {
    if (block.give_back) block.give_back();
  }
}

std::int64_t FrozenWeight::mapped_bytes() const {
  std::int64_t sum = 0;
  for (const WeightBlock& block : blocks_) {
    if (!block.give_back) continue;
    sum += static_cast<std::int64_t>(
        is_stored(block) ? block.stored.bytes.size() : block.weight.nbytes());
  }
  return sum;
}

at::ScalarType FrozenWeight::storage_type() const {
  for (const WeightBlock& block : blocks_) {
    if (!is_stored(block)) return block.weight.scalar_type();
  }
  return at::kFloat;
}

at::ScalarType FrozenWeight::compute_type() const {
  return mode_ == ComputeMode::kNative ? storage_type() : at::kFloat;
}

at::Device FrozenWeight::device() const {
  return is_stored(blocks_[0]) ? at::Device(at::kCPU)
                               : blocks_[0].weight.device();
}

void FrozenWeight::multiply_out(const at::Tensor& x, at::Tensor& y) const {
  const at::NoGradGuard no_grad;
  visit_rows(blocks_, compute_type(),
             [&](const at::Tensor& dense, std::int64_t begin) {
               at::Tensor slice = y.narrow(1, begin, dense.size(0));
               at::mm_out(slice, x, dense.t());
             });
}

void FrozenWeight::multiply_transposed_out(const at::Tensor& dy,
                                           at::Tensor& dx) const {
  const at::NoGradGuard no_grad;
  visit_rows(blocks_, compute_type(),
             [&](const at::Tensor& dense, std::int64_t begin) {
               const at::Tensor slice = dy.narrow(1, begin, dense.size(0));
               if (begin == 0) {
                 at::mm_out(dx, slice, dense);
               } else {
                 dx.addmm_(slice, dense);
               }
             });
}

at::Tensor FrozenWeight::dense_rows(RowSet rows) const {
  if (rows.begin < 0 || rows.end > out_ || rows.size() < 0) {
    refuse("rows", std::to_string(rows.begin) + ".." + std::to_string(rows.end),
           "within 0.." + std::to_string(out_));
  }
  const at::NoGradGuard no_grad;
  at::Tensor dense = at::empty({rows.size(), in_},
                               at::TensorOptions(device()).dtype(at::kFloat));
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks_) {
    const std::int64_t end = begin + block.rows();
    const RowSet both{std::max(rows.begin, begin), std::min(rows.end, end)};
    if (both.size() > 0) {
      at::Tensor part = dense.narrow(0, both.begin - rows.begin, both.size());
      convert_rows(block, {both.begin - begin, both.end - begin}, part);
    }
    begin = end;
  }
  return dense;
}

at::Tensor FrozenWeight::gather_rows(const at::Tensor& indices) const {
  const at::NoGradGuard no_grad;
  const bool checks_itself = blocks_.size() == 1 && !is_stored(blocks_[0]);
  if (!checks_itself) check_indices(indices, out_);
  if (blocks_.size() == 1) {
    return gather_from(blocks_[0], indices, compute_type());
  }
  at::Tensor rows =
      at::empty({indices.size(0), in_},
                at::TensorOptions(device()).dtype(compute_type()));
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks_) {
    const std::int64_t end = begin + block.rows();
    const at::Tensor places =
        at::nonzero((indices >= begin).logical_and_(indices < end)).view(-1);
    const at::Tensor local = indices.index_select(0, places).sub_(begin);
    rows.index_copy_(0, places, gather_from(block, local, compute_type()));
    begin = end;
  }
  return rows;
}

}  // namespace graft::nn
