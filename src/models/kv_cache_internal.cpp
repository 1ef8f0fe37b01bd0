// Buffers are allocated once, so that decoding copies only new tokens.
#include "models/kv_cache_internal.h"

#include <ATen/ATen.h>

namespace graft {

GptCache::GptCache(const Shape& shape, const at::TensorOptions& options)
    : shape_(shape) {
  const std::vector<std::int64_t> sizes = {shape.batch, shape.kv_heads,
                                           shape.capacity, shape.head_dim};
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    layers_.push_back({at::empty(sizes, options), at::empty(sizes, options)});
  }
}

GptCache::KeyValue GptCache::extend(std::int64_t layer, const KeyValue& added) {
  const KeyValue& kept = layers_[static_cast<std::size_t>(layer)];
  const std::int64_t tokens = added.key.size(2);
  kept.key.narrow(2, length_, tokens).copy_(added.key);
  kept.value.narrow(2, length_, tokens).copy_(added.value);
  return {kept.key.narrow(2, 0, length_ + tokens),
          kept.value.narrow(2, 0, length_ + tokens)};
}

}  // namespace graft
