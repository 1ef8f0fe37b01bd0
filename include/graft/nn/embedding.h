// Token embedding over a frozen or an own weight. Entry point: Embedding.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>

#include "graft/nn/frozen_weight.h"

namespace graft::nn {

class Embedding : public torch::nn::Module {
 public:
  // Frozen rows (vocabulary, width).
  explicit Embedding(c10::intrusive_ptr<FrozenWeight> weight);

  // (...) int64 -> (..., width), in the weight's compute type; fp32 when own.
  at::Tensor forward(const at::Tensor& ids) const;

  std::int64_t vocabulary() const { return vocabulary_; }
  std::int64_t width() const { return width_; }
  // Null when the weight is trainable.
  const c10::intrusive_ptr<FrozenWeight>& frozen() const { return frozen_; }
  // The own fp32 parameter "weight"; undefined when frozen.
  const at::Tensor& weight() const { return weight_; }
  // The weight becomes an own fp32 parameter. `padding_row`, when not
  // negative, gets no gradient from look-ups, as torch.nn.Embedding's
  // padding_idx.
  void make_trainable(std::int64_t padding_row = -1);

 private:
  std::int64_t vocabulary_;
  std::int64_t width_;
  c10::intrusive_ptr<FrozenWeight> frozen_;
  at::Tensor weight_;
  std::int64_t padding_row_ = -1;
};

}  // namespace graft::nn
