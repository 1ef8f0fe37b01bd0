// Keys and values of the tokens seen so far. Entry point: GptCache. Private to
// models.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "graft/nn/causal_lm.h"

namespace graft {

// Buffers (B, kv_heads, capacity, head_dim) per layer, filled from the front.
class GptCache : public nn::KvCache {
 public:
  struct Shape {
    std::int64_t layers;
    std::int64_t batch;
    std::int64_t kv_heads;
    std::int64_t capacity;
    std::int64_t head_dim;
  };
  GptCache(const Shape& shape, const at::TensorOptions& options);

  std::int64_t length() const override { return length_; }
  std::int64_t capacity() const { return shape_.capacity; }
  std::int64_t batch() const { return shape_.batch; }

  struct KeyValue {
    at::Tensor key;
    at::Tensor value;
  };
  // Stores `added` (B, kv_heads, T, head_dim) behind the tokens seen so far
  // and returns all of that layer's. The length moves with advance() only.
  KeyValue extend(std::int64_t layer, const KeyValue& added);
  void advance(std::int64_t tokens) { length_ += tokens; }

 private:
  Shape shape_;
  std::vector<KeyValue> layers_;
  std::int64_t length_ = 0;
};

}  // namespace graft
