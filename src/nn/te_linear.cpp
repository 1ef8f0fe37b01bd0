// The kinds whose forward is not the plain product.
#include "graft/nn/te_linear.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "graft/base/error.h"
#include "graft/nn/rms_norm.h"
#include "nn/frozen_product_internal.h"

namespace graft::nn {
namespace {

WeightBlock rows_of(const WeightBlock& block, RowSet rows) {
  WeightBlock out = block;
  if (block.weight.defined()) {
    out.weight = block.weight.narrow(0, rows.begin, rows.size());
    return out;
  }
  if (rows.size() == block.rows()) return out;
  if (block.stored.row_order) {
    throw ConfigError(ErrorText{"grouped linear",
                                "rows of one expert",
                                "a block that is stored out of order",
                                "whole blocks",
                                {}});
  }
  const std::size_t bytes = block.stored.row_bytes();
  out.stored.bytes =
      block.stored.bytes.subspan(static_cast<std::size_t>(rows.begin) * bytes,
                                 static_cast<std::size_t>(rows.size()) * bytes);
  out.stored.shape[0] = rows.size();
  return out;
}

// Rows of the blocks one above the other, over the same bytes.
std::vector<WeightBlock> rows_of(const std::vector<WeightBlock>& blocks,
                                 RowSet rows) {
  std::vector<WeightBlock> out;
  std::int64_t begin = 0;
  for (const WeightBlock& block : blocks) {
    const std::int64_t end = begin + block.rows();
    const RowSet both{std::max(rows.begin, begin), std::min(rows.end, end)};
    if (both.size() > 0) {
      out.push_back(rows_of(block, {both.begin - begin, both.end - begin}));
    }
    begin = end;
  }
  return out;
}

}  // namespace

TeLayerNormColumnParallelLinear::TeLayerNormColumnParallelLinear(
    std::int64_t in, std::int64_t out, bool with_bias, double eps)
    : LinearSlot(in, out, with_bias),
      norm_weight_(register_parameter("layer_norm_weight", at::ones({in}))),
      eps_(eps) {}

at::Tensor TeLayerNormColumnParallelLinear::forward(const at::Tensor& x) {
  return LinearSlot::forward(
      norm_input({x, rms_norm(x, norm_weight_, eps_)}, norm_weight_, eps_));
}

TeGroupedLinear::TeGroupedLinear(std::int64_t experts, std::int64_t in,
                                 std::int64_t out)
    : LinearSlot(in, experts * out, false), experts_(experts) {}

TeGroupedLinear::TeGroupedLinear(std::int64_t experts,
                                 const std::vector<WeightBlock>& blocks,
                                 ComputeMode mode)
    : LinearSlot(FrozenWeight::make(blocks, mode, WeightLayout::kBlocks),
                 at::Tensor()),
      experts_(experts) {
  const std::int64_t out = this->out() / experts_;
  for (std::int64_t e = 0; e < experts_; ++e) {
    slices_.push_back(
        FrozenWeight::make(rows_of(blocks, {e * out, (e + 1) * out}), mode,
                           WeightLayout::kBlocks));
  }
}

at::Tensor TeGroupedLinear::forward(const at::Tensor& x,
                                    const std::vector<std::int64_t>& counts) {
  if (op()) {
    throw ConfigError(ErrorText{"grouped linear",
                                "adapters on its experts",
                                "an operation",
                                "none",
                                {}});
  }
  const auto total =
      std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (static_cast<std::int64_t>(counts.size()) != experts_ ||
      total != x.size(0)) {
    throw ConfigError(ErrorText{"grouped linear",
                                "rows by expert",
                                std::to_string(counts.size()) + " experts, " +
                                    std::to_string(total) + " rows",
                                std::to_string(experts_) + " experts, " +
                                    std::to_string(x.size(0)) + " rows",
                                {}});
  }
  const std::int64_t out = this->out() / experts_;
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (std::int64_t e = 0; e < experts_; ++e) {
    const auto place = static_cast<std::size_t>(e);
    if (counts[place] == 0) continue;
    const at::Tensor rows = x.narrow(0, begin, counts[place]);
    begin += counts[place];
    if (is_frozen() && !slices_.empty()) {
      parts.push_back(frozen_product(rows, slices_[place]));
      continue;
    }
    const at::Tensor weight = is_frozen()
                                  ? dense_rows({e * out, (e + 1) * out})
                                  : this->weight().narrow(0, e * out, out);
    parts.push_back(at::linear(rows, weight.to(x.scalar_type())));
  }
  if (parts.empty()) return x.new_empty({0, out});
  return at::cat(parts);
}

}  // namespace graft::nn
