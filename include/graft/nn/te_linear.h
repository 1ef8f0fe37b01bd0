// Layer kinds of Transformer-Engine-style models, for users' own models and for
// selection: the kind of a layer is its C++ type. Entry points: the classes.
// graft's own models use TeGroupedLinear and Router, whose products an
// operation (GroupedOp, LinearOp) may replace.
#pragma once

#include <cstdint>
#include <vector>

#include "graft/nn/linear_slot.h"

namespace graft::nn {

// Single device: these compute as Linear does.
class TeColumnParallelLinear : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};
class TeRowParallelLinear : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};
// A linear that every rank holds whole.
class TeDuplicatedLinear : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};

// An RMS norm with its own weight (in), then the product. An operation in the
// slot sees the normalised input.
class TeLayerNormColumnParallelLinear : public LinearSlot {
 public:
  TeLayerNormColumnParallelLinear(std::int64_t in, std::int64_t out,
                                  bool with_bias, double eps = 1e-5);
  at::Tensor forward(const at::Tensor& x);
  const at::Tensor& norm_weight() const { return norm_weight_; }

 private:
  at::Tensor norm_weight_;  // parameter "layer_norm_weight"
  double eps_;
};

class TeGroupedLinear;

// What runs instead of the products of a grouped linear. Knows no adapter.
class GroupedOp : public LinearOp {
 public:
  // Arguments and result are those of TeGroupedLinear::forward, checked.
  virtual at::Tensor forward_grouped(
      const TeGroupedLinear& slot, const at::Tensor& x,
      const std::vector<std::int64_t>& counts) = 0;
};

// One linear per expert, stacked by rows: the slot's weight is (experts * out,
// in). Rows of x are grouped by expert.
class TeGroupedLinear : public LinearSlot {
 public:
  TeGroupedLinear(std::int64_t experts, std::int64_t in, std::int64_t out);
  // Frozen, (experts * out, in) in row blocks that stay where they are. Throws
  // ConfigError when an expert begins inside of a decoded block whose rows are
  // stored out of order.
  TeGroupedLinear(std::int64_t experts, const std::vector<WeightBlock>& blocks,
                  ComputeMode mode);
  // x: (N, in); counts[e] rows go to expert e, in order; the sum is N. Returns
  // (N, out), through the operation when one is set. One product for each
  // expert with rows. Throws ConfigError when the counts do not fit, or the
  // operation is no GroupedOp.
  at::Tensor forward(const at::Tensor& x,
                     const std::vector<std::int64_t>& counts);
  // The plain products, whatever the operation.
  at::Tensor base_forward(const at::Tensor& x,
                          const std::vector<std::int64_t>& counts) const;
  std::int64_t experts() const { return experts_; }
  // Rows of one expert.
  std::int64_t expert_out() const { return out() / experts_; }
  // One expert's rows of a frozen base, over the same bytes.
  c10::intrusive_ptr<FrozenWeight> expert_weight(std::int64_t expert) const;

 private:
  std::int64_t experts_;
  // Each expert's rows of a frozen base.
  std::vector<c10::intrusive_ptr<FrozenWeight>> slices_;
};

// The linear (hidden -> experts) that scores experts; choosing among them is
// the model's.
class Router : public LinearSlot {
 public:
  using LinearSlot::LinearSlot;
};

}  // namespace graft::nn
