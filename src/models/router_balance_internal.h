// The load-balancing loss of all routers of one forward. Entry point:
// RouterBalance. Private to models. Formula: load_balancing_loss_func of
// transformers.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <vector>

namespace graft {

// experts * sum over e of F(e) P(e): F the mean number of a token's choices
// that fell on e, P its mean probability, over the tokens of all layers that
// have weight. F is a constant for gradients. Layers tell it what they chose;
// the gradient enters in their backward, when F is known, so that blocks may be
// computed again.
class RouterBalance : public torch::CustomClassHolder {
 public:
  // token_weights: (N) of 0 and 1; undefined: all 1.
  RouterBalance(std::int64_t layers, std::int64_t experts,
                at::Tensor token_weights);

  // probabilities: (N, experts) fp32, chosen: (N, k) int64. Returns the
  // probabilities, to be used in their place. A layer that is computed again
  // says the same again.
  at::Tensor attach(std::int64_t layer, const at::Tensor& probabilities,
                    const at::Tensor& chosen);
  // Of what was attached so far; a scalar without gradient.
  at::Tensor loss() const;
  // (N, experts): `factor` times the gradient of the loss.
  at::Tensor gradient(const at::Tensor& probabilities) const;

  double factor = 0.0;  // to be set before backward

 private:
  // Means over tokens and layers, (experts).
  at::Tensor mean(const std::vector<at::Tensor>& sums) const;

  std::int64_t experts_;
  at::Tensor weights_;
  std::vector<at::Tensor> chosen_;         // sums of each layer, (experts)
  std::vector<at::Tensor> probabilities_;  // likewise
  std::vector<double> tokens_;             // of each layer
};

}  // namespace graft
