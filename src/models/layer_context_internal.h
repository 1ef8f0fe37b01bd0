// Parts of what the layers of one forward share. Entry points: the functions.
// Private to models.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "graft/models/gpt.h"
#include "graft/nn/rotary.h"

namespace graft {

// positions: (R) int64.
nn::RotaryTable make_rotary_table(const RotarySpec& spec,
                                  const at::Tensor& positions);

// 0, 1, ... in each segment: (total) int64.
at::Tensor segment_positions(const std::vector<std::int64_t>& segments,
                             at::Device device);

// The kinds of attention that the layers of the model are, over `keys` keys.
struct AttentionNeeds {
  bool plain = false;    // an AttentionPattern
  bool blocked = false;  // nn::blocked_attention
};
AttentionNeeds attention_needs(const GptConfig& config, std::int64_t keys);

// nn::blocked_attention's groups: of a mask (B, S), undefined when all tokens
// are real; of segments that lie end to end in one row.
at::Tensor mask_groups(const at::Tensor& mask);
at::Tensor segment_groups(const std::vector<std::int64_t>& segments,
                          at::Device device);

}  // namespace graft
