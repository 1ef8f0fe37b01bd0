// How many rows of logits exist at once. Entry points: head_chunk_rows,
// multiplied_rows. Private to nn.
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

// Rows that are multiplied for `rows` of a chunk of at most `chunk`. Kernels of
// half types are compiled for each number of rows and never forgotten: so there
// are eight numbers, whatever the numbers of labels.
constexpr std::int64_t multiplied_rows(std::int64_t rows, std::int64_t chunk,
                                       bool half) {
  if (!half || rows >= chunk) return rows;
  const std::int64_t grain = std::max<std::int64_t>((chunk + 7) / 8, 16);
  return std::min((rows + grain - 1) / grain * grain, chunk);
}

}  // namespace graft::nn
