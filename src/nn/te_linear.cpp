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

c10::intrusive_ptr<FrozenWeight> TeGroupedLinear::expert_weight(
    std::int64_t expert) const {
  // An own weight that was frozen stays among the parameters.
  const auto own = named_parameters(false);
  const at::Tensor* weight = own.find("weight");
  if (weight == nullptr) return slices_[static_cast<std::size_t>(expert)];
  const at::Tensor rows =
      weight->detach().narrow(0, expert * expert_out(), expert_out());
  return FrozenWeight::make({{rows, nullptr}}, ComputeMode::kNative,
                            WeightLayout::kBlocks);
}

at::Tensor TeGroupedLinear::forward(const at::Tensor& x,
                                    const std::vector<std::int64_t>& counts) {
  const auto total =
      std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const bool fits = static_cast<std::int64_t>(counts.size()) == experts_ &&
                    std::ranges::all_of(counts, [](auto n) { return n >= 0; });
  if (!fits || x.dim() != 2 || total != x.size(0)) {
    throw ConfigError(ErrorText{"grouped linear",
                                "rows by expert",
                                std::to_string(counts.size()) + " experts, " +
                                    std::to_string(total) + " rows",
                                std::to_string(experts_) + " experts, " +
                                    std::to_string(x.size(0)) + " rows",
                                {}});
  }
  if (!op()) return base_forward(x, counts);
  auto* grouped = dynamic_cast<GroupedOp*>(op().get());
  if (grouped == nullptr) {
    throw ConfigError(ErrorText{"grouped linear",
                                "its operation",
                                "one for a single weight",
                                "one that takes rows by expert",
                                {}});
  }
  return grouped->forward_grouped(*this, x, counts);
}

at::Tensor TeGroupedLinear::base_forward(
    const at::Tensor& x, const std::vector<std::int64_t>& counts) const {
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (std::int64_t e = 0; e < experts_; ++e) {
    const std::int64_t count = counts[static_cast<std::size_t>(e)];
    if (count == 0) continue;
    const at::Tensor rows = x.narrow(0, begin, count);
    begin += count;
    if (is_frozen()) {
      parts.push_back(frozen_product(rows, expert_weight(e)));
      continue;
    }
    const at::Tensor own = weight().narrow(0, e * expert_out(), expert_out());
    parts.push_back(at::linear(rows, own.to(x.scalar_type())));
  }
  if (parts.empty()) return x.new_empty({0, expert_out()});
  return at::cat(parts);
}

}  // namespace graft::nn
