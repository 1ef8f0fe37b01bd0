// Compares the stored head with the stored embedding. Entry points:
// has_own_head, own_head_warning.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "formats/hf/tied_head_internal.h"
#include "graft/base/half.h"
#include "graft/base/host_tensor.h"

namespace graft {
namespace {

constexpr std::size_t kElementsAtOnce = 4096;

bool same_values(const HostTensor& a, const HostTensor& b) {
  std::array<float, kElementsAtOnce> left;
  std::array<float, kElementsAtOnce> right;
  const auto count = static_cast<std::size_t>(a.element_count());
  const std::size_t left_size = dtype_size(a.dtype);
  const std::size_t right_size = dtype_size(b.dtype);
  for (std::size_t i = 0; i < count; i += kElementsAtOnce) {
    const std::size_t part = std::min(kElementsAtOnce, count - i);
    const std::byte* left_bytes = a.bytes.data() + i * left_size;
    const std::byte* right_bytes = b.bytes.data() + i * right_size;
    // Equal bits are equal values; NaN's cannot be told by results either.
    if (a.dtype == b.dtype &&
        std::memcmp(left_bytes, right_bytes, part * left_size) == 0) {
      continue;
    }
    if (!is_computable(a.dtype) || !is_computable(b.dtype)) return false;
    to_f32(a.dtype, left_bytes, part, left.data());
    to_f32(b.dtype, right_bytes, part, right.data());
    if (!std::equal(left.begin(), left.begin() + part, right.begin())) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool has_own_head(const ShardedSafetensors& weights, const HeadNames& names) {
  const TensorEntry* head = weights.find_or_null(names.head);
  const TensorEntry* embedding = weights.find_or_null(names.embedding);
  if (head == nullptr || embedding == nullptr) return false;
  return head->shape != embedding->shape ||
         !same_values(weights.tensor(names.head),
                      weights.tensor(names.embedding));
}

std::string own_head_warning(const ShardedSafetensors& weights,
                             const HeadNames& names) {
  const std::filesystem::path directory =
      weights.shards().front().path().parent_path();
  return directory.string() +
         ": config.json says tie_word_embeddings: true, but " + names.head +
         " is stored and differs from " + names.embedding +
         ": the stored head is used, as in transformers 5 (older versions "
         "ignore it)";
}

}  // namespace graft
