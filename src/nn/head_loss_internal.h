// How many rows of logits exist at once. Entry point: head_chunk_rows. Private
// to nn.
#pragma once

#include <algorithm>
#include <cstdint>

namespace graft::nn {

constexpr std::int64_t kHeadChunkBytes = std::int64_t{64} << 20;

// Rows of `vocabulary` logits of `bytes` each that fit kHeadChunkBytes. With
// small vocabularies no more than products gain from: 8 Mi elements, or 256
// rows, and at most 1024.
constexpr std::int64_t head_chunk_rows(std::int64_t vocabulary,
                                       std::int64_t bytes) {
  constexpr std::int64_t kElements = std::int64_t{8} << 20;
  const std::int64_t width = std::max<std::int64_t>(vocabulary, 1);
  const std::int64_t useful =
      std::clamp<std::int64_t>(kElements / width, 256, 1024);
  return std::clamp<std::int64_t>(kHeadChunkBytes / (width * bytes), 1, useful);
}

}  // namespace graft::nn
