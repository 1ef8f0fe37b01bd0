// The input file of `graft logits`. Entry point: read_token_tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace graft::cli {

// (B, T) int64 each; all but input_ids may be undefined.
struct TokenTensors {
  at::Tensor input_ids;
  at::Tensor attention_mask;
  at::Tensor position_ids;
  at::Tensor labels;
};

// Throws FileError when a tensor is missing, has another type or shape than it
// must, or holds an id outside 0..vocabulary-1 (labels: or -100). Unknown
// tensors are warned about.
TokenTensors read_token_tensors(const std::filesystem::path& file,
                                std::int64_t vocabulary);

}  // namespace graft::cli
