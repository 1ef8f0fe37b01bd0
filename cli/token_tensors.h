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

struct TokenLimits {
  std::int64_t vocabulary = 0;
  std::int64_t positions = 0;  // max_position_embeddings
};

// Throws FileError when a tensor is missing, has another type or shape than it
// must, or holds an id outside 0..vocabulary-1 (labels: or -100), a mask other
// than 0 or 1, or a position that fp32 cannot tell from the next. Warns of
// unknown tensors and of places beyond `positions`, which every rope can
// compute, as transformers does.
TokenTensors read_token_tensors(const std::filesystem::path& file,
                                const TokenLimits& limits);

}  // namespace graft::cli
