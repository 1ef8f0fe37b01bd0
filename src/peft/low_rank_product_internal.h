// y = x W^T + bias, and y[rows] += s * (x A^T) B^T for each adapter, as one
// autograd function, and its two halves without autograd. Entry points:
// low_rank_product, run_low_rank, differentiate_low_rank.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <vector>

#include "graft/base/row_set.h"
#include "graft/nn/frozen_weight.h"
#include "graft/nn/linear_input.h"

namespace graft {

// One adapter's place in the products.
struct LowRankPiece {
  RowSet rows;
  std::int64_t rank = 0;
  double scale = 1.0;
};

// Neighbouring adapters whose A matrices make one product: they see the same
// input, with the same mask when there is one.
struct LowRankGroup {
  std::size_t begin = 0;  // pieces [begin, end)
  std::size_t end = 0;
  double dropout = 0.0;  // 0: no mask
};

// What one call needs besides x and the factors; kept until its backward.
struct LowRankCall : public torch::CustomClassHolder {
  c10::intrusive_ptr<nn::FrozenWeight> weight;
  at::Tensor bias;  // undefined: none
  std::vector<LowRankPiece> pieces;
  std::vector<LowRankGroup> groups;
  std::uint64_t dropout_key = 0;
  // How backward makes x again, and from what; null: x is saved. The sources
  // move from here to what autograd saves.
  nn::LinearInput::Make make_input;
  std::vector<at::Tensor> sources;
};

// x: (..., in) of the weight's compute type; factors: A (rank, in) and B
// (rows, rank) of each piece in turn, fp32. Saves x or
// what it is made of, the factors, and x A^T (N, rank).
at::Tensor low_rank_product(const at::Tensor& x, at::TensorList factors,
                            const c10::intrusive_ptr<LowRankCall>& call);

// On matrices: writes y (N, out) whole, returns x A^T (N, rank) of each group.
std::vector<at::Tensor> run_low_rank(const LowRankCall& call,
                                     const at::Tensor& x,
                                     at::TensorList factors, at::Tensor y);

struct LowRankSaved {
  at::Tensor x;  // (N, in)
  at::TensorList factors;
  at::TensorList z;  // of run_low_rank
};
// Gradients of the factors in turn, fp32. dx (N, in) is written whole when it
// is defined.
std::vector<at::Tensor> differentiate_low_rank(const LowRankCall& call,
                                               const LowRankSaved& saved,
                                               const at::Tensor& dy,
                                               at::Tensor dx);

}  // namespace graft
