// AdamW with decoupled weight decay on every parameter. Entry point: AdamW.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "graft/nn/named_state.h"

namespace graft {

// One trained tensor; rate_factor multiplies the step's learning rate.
struct TrainedParameter {
  std::string name;
  at::Tensor tensor;
  double rate_factor = 1.0;
};

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.0;
};

class AdamW {
 public:
  // Parameters must be dense fp32.
  AdamW(std::vector<TrainedParameter> parameters, const AdamWOptions& options);

  // One update with the gradients in place; parameters without one stay.
  void step(double learning_rate);
  void clear_gradients();

  const std::vector<TrainedParameter>& parameters() const {
    return parameters_;
  }

  // Moments and count under "adamw/...".
  void save_to(nn::NamedState& state) const;
  // Throws FileError when a tensor is absent or has another shape.
  void load_from(const nn::NamedState& state);

 private:
  std::vector<TrainedParameter> parameters_;
  std::vector<at::Tensor> first_;   // decayed mean of gradients
  std::vector<at::Tensor> second_;  // decayed mean of their squares
  AdamWOptions options_;
  std::int64_t count_ = 0;
};

}  // namespace graft
