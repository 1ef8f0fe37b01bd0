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

void check_blocks(const std::vector<WeightBlock>& blocks) {
  if (blocks.empty()) refuse("row blocks", "none", "at least one");
  const at::Tensor* first = nullptr;
  for (const WeightBlock& block : blocks) {
    const at::Tensor& weight = block.weight;
    if (!weight.defined()) refuse("row block", "no tensor", "a matrix");
    if (weight.dim() != 2 || !is_storage_type(weight.scalar_type())) {
      refuse("row block", describe(weight), "a floating-point matrix");
    }
    if (first == nullptr) first = &weight;
    if (weight.size(1) != first->size(1) ||
        weight.scalar_type() != first->scalar_type() ||
        weight.device() != first->device()) {
      refuse("row block", describe(weight),
             "columns, type and device of " + describe(*first));
    }
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
  const at::Tensor& weight = block.weight;
  if (!weight.is_contiguous()) return {weight.contiguous(), nullptr};
  if (!is_misaligned(weight)) return block;
  at::Tensor copy = at::empty(weight.sizes(), weight.options());
  std::memcpy(copy.mutable_data_ptr(), weight.const_data_ptr(),
              weight.nbytes());
  return {std::move(copy), nullptr};
}

bool should_pack(const std::vector<WeightBlock>& blocks, ComputeMode mode,
                 WeightLayout layout) {
  if (blocks.size() < 2 || layout == WeightLayout::kBlocks) return false;
  return layout == WeightLayout::kPacked ||
         (mode == ComputeMode::kNative &&
          blocks[0].weight.scalar_type() == at::kBFloat16);
}

std::vector<WeightBlock> packed(const std::vector<WeightBlock>& blocks) {
  std::vector<at::Tensor> parts;
  parts.reserve(blocks.size());
  for (const WeightBlock& block : blocks) parts.push_back(block.weight);
  return {WeightBlock{at::cat(parts), nullptr}};
}

// Rows per conversion: all, or an even share that fits the scratch.
std::int64_t chunk_rows(const at::Tensor& weight) {
  const std::int64_t rows = weight.size(0);
  const std::int64_t columns = std::max<std::int64_t>(weight.size(1), 1);
  const std::int64_t limit =
      std::max<std::int64_t>(kScratchElements / columns, 1);
  const std::int64_t chunks = (rows + limit - 1) / limit;
  return chunks <= 1 ? rows : (rows + chunks - 1) / chunks;
}

// use(dense, begin): `dense` (n, in) of the compute type holds rows [begin,
// begin + n); a converted chunk is valid during the call only.
template <typename Use>
void visit_rows(const std::vector<WeightBlock>& blocks, at::ScalarType type,
                Use use) {
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks) {
    const at::Tensor& weight = block.weight;
    const std::int64_t rows = weight.size(0);
    if (weight.scalar_type() == type) {
      use(weight, begin);
      begin += rows;
      continue;
    }
    const std::int64_t step = chunk_rows(weight);
    for (std::int64_t row = 0; row < rows; row += step) {
      const std::int64_t count = std::min(step, rows - row);
      at::Tensor dense = scratch_floats(count, weight.size(1), weight.device());
      dense.copy_(weight.narrow(0, row, count));
      use(dense, begin + row);
    }
    begin += rows;
  }
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

c10::intrusive_ptr<FrozenWeight> FrozenWeight::make(
    std::vector<WeightBlock> blocks, ComputeMode mode, WeightLayout layout) {
  check_blocks(blocks);
  const at::NoGradGuard no_grad;
  for (WeightBlock& block : blocks) block = usable(std::move(block));
  if (should_pack(blocks, mode, layout)) blocks = packed(blocks);
  c10::intrusive_ptr<FrozenWeight> made(
      std::unique_ptr<FrozenWeight>(new FrozenWeight()));
  made->in_ = blocks[0].weight.size(1);
  for (const WeightBlock& block : blocks) made->out_ += block.weight.size(0);
  made->mode_ = mode;
  made->blocks_ = std::move(blocks);
  return made;
}

at::ScalarType FrozenWeight::storage_type() const {
  return blocks_[0].weight.scalar_type();
}

at::ScalarType FrozenWeight::compute_type() const {
  return mode_ == ComputeMode::kNative ? storage_type() : at::kFloat;
}

at::Device FrozenWeight::device() const { return blocks_[0].weight.device(); }

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
                               blocks_[0].weight.options().dtype(at::kFloat));
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks_) {
    const std::int64_t end = begin + block.weight.size(0);
    const RowSet both{std::max(rows.begin, begin), std::min(rows.end, end)};
    if (both.size() > 0) {
      dense.narrow(0, both.begin - rows.begin, both.size())
          .copy_(block.weight.narrow(0, both.begin - begin, both.size()));
    }
    begin = end;
  }
  return dense;
}

at::Tensor FrozenWeight::gather_rows(const at::Tensor& indices) const {
  const at::NoGradGuard no_grad;
  if (blocks_.size() == 1) {
    return blocks_[0].weight.index_select(0, indices).to(compute_type());
  }
  check_indices(indices, out_);
  at::Tensor rows =
      at::empty({indices.size(0), in_},
                blocks_[0].weight.options().dtype(compute_type()));
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks_) {
    const std::int64_t end = begin + block.weight.size(0);
    const at::Tensor places =
        at::nonzero((indices >= begin).logical_and_(indices < end)).view(-1);
    const at::Tensor local = indices.index_select(0, places).sub_(begin);
    rows.index_copy_(0, places,
                     block.weight.index_select(0, local).to(compute_type()));
    begin = end;
  }
  return rows;
}

}  // namespace graft::nn
