// Look-up of rows; the own weight takes a dense gradient.
#include "graft/nn/embedding.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

namespace graft::nn {

Embedding::Embedding(c10::intrusive_ptr<FrozenWeight> weight)
    : vocabulary_(weight->out()),
      width_(weight->in()),
      frozen_(std::move(weight)) {}

at::Tensor Embedding::forward(const at::Tensor& ids) const {
  if (!frozen_) return at::embedding(weight_, ids, padding_row_);
  std::vector<std::int64_t> shape = ids.sizes().vec();
  shape.push_back(width_);
  return frozen_->gather_rows(ids.reshape({-1})).view(shape);
}

void Embedding::make_trainable(std::int64_t padding_row) {
  padding_row_ = padding_row;
  if (!frozen_) return;
  weight_ =
      register_parameter("weight", frozen_->dense_rows({0, vocabulary_}), true);
  frozen_.reset();
}

}  // namespace graft::nn
