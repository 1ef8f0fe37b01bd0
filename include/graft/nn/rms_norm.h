// Root-mean-square norm, computed in fp32 whatever the type of x. Entry points:
// RmsNorm, rms_norm, add_rms_norm, norm_input.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>

#include "graft/nn/linear_input.h"

namespace graft::nn {

// y = x / sqrt(mean(x^2) + eps) * weight over the last dimension, in x's type;
// weight is fp32 (n). Backward keeps x and one number a row.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// A residual step and the norm after it, in one pass.
struct AddedNorm {
  at::Tensor sum;         // x + delta
  at::Tensor normalised;  // rms_norm of the sum
};
AddedNorm add_rms_norm(const at::Tensor& x, const at::Tensor& delta,
                       const at::Tensor& weight, double eps);

// The normalised values for a linear layer that follows: backward makes them
// again from the sum.
LinearInput norm_input(AddedNorm norm, const at::Tensor& weight, double eps);

class RmsNorm : public torch::nn::Module {
 public:
  // Frozen, with these values (n), copied to fp32. What the result is
  // multiplied with is the weight plus `offset` (1 for zero-centred weights).
  RmsNorm(const at::Tensor& weight, double eps, double offset = 0);
  // Trainable, starting at one.
  RmsNorm(std::int64_t size, double eps);

  at::Tensor forward(const at::Tensor& x) const;
  // The norm of x + delta, and the sum.
  AddedNorm forward(const at::Tensor& x, const at::Tensor& delta) const;
  // norm_input of what forward returned; of a norm without a residual step the
  // sum is x.
  LinearInput input_of(AddedNorm norm) const;
  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor factor() const;

  at::Tensor weight_;  // parameter "weight"
  double eps_;
  double offset_ = 0;
};

}  // namespace graft::nn
