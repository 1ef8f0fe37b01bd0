// What a slot runs once it is adapted: the frozen product and the low-rank
// products of its adapters as one autograd function. Entry points:
// AdaptedLinear, adapted_or_null. The functions are in low_rank_product.cpp and
// grouped_product.cpp.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graft/nn/linear_slot.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/inject.h"

namespace graft {

// Holds one adapter's parameters, lora_A and lora_B; of all experts of a
// grouped linear (experts, rank, in) and (experts, rows of one, rank).
class AdapterParameters : public torch::nn::Module {
 public:
  AdapterParameters(Site site, at::Tensor a, at::Tensor b);

  const Site& site() const { return site_; }
  const at::Tensor& a() const { return a_; }
  const at::Tensor& b() const { return b_; }

 private:
  Site site_;
  at::Tensor a_;
  at::Tensor b_;
};

// Both the operation of a slot and its child module "adapters".
class AdaptedLinear : public torch::nn::Module, public nn::GroupedOp {
 public:
  at::Tensor forward(const nn::LinearSlot& slot,
                     const nn::LinearInput& in) override;
  at::Tensor forward_grouped(const nn::TeGroupedLinear& slot,
                             const at::Tensor& x,
                             const std::vector<std::int64_t>& counts) override;
  // Of `enabled` and `counter`.
  std::uint64_t state_key() const override;

  // Registers the adapter; rows must be free.
  void add(Site site, at::Tensor a, at::Tensor b);
  bool overlaps(RowSet rows) const;
  // In the order of their rows.
  const std::vector<std::shared_ptr<AdapterParameters>>& adapters() const {
    return adapters_;
  }

  bool enabled = true;
  DropoutCounter counter;

 private:
  at::Tensor forward_trainable(const nn::LinearSlot& slot,
                               const at::Tensor& x) const;
  at::Tensor grouped_trainable(const nn::TeGroupedLinear& slot,
                               const at::Tensor& x,
                               const std::vector<std::int64_t>& counts) const;

  std::vector<std::shared_ptr<AdapterParameters>> adapters_;
};

// Which mask falls on the rows of one expert of the site's module.
std::uint64_t expert_dropout_key(const DropoutCounter& counter,
                                 const Site& site, std::int64_t expert);

// The operation of `slot` when it is adapted, else null.
AdaptedLinear* adapted_or_null(const nn::LinearSlot& slot);

}  // namespace graft
