// The products of a grouped linear and of the adapters on its experts, as one
// autograd function. Entry point: grouped_product.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "peft/low_rank_product_internal.h"

namespace graft {

// One expert that got rows.
struct GroupedPart {
  c10::intrusive_ptr<LowRankCall> call;  // with the expert's own weight
  std::int64_t begin = 0;                // rows of x
  std::int64_t count = 0;
  std::int64_t expert = 0;
  std::vector<std::size_t> adapters;  // of the call's pieces, in turn
};

struct GroupedCall : public torch::CustomClassHolder {
  std::vector<GroupedPart> parts;
  std::int64_t out = 0;
};

// x: (N, in), rows by expert. factors: A and B of each adapter in turn, fp32;
// of all experts A (experts, rank, in) and B (experts, out, rank), of a single
// one (rank, in) and (rows, rank). Returns (N, out). Every factor gets a
// gradient: zero where an expert got no rows.
at::Tensor grouped_product(const at::Tensor& x, at::TensorList factors,
                           const c10::intrusive_ptr<GroupedCall>& call);

}  // namespace graft
