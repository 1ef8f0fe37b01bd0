// A head that config.json ties although the file holds a matrix for it: what
// the file says wins, as in transformers 5. Entry points: has_own_head,
// own_head_warning.
#pragma once

#include <string>

#include "graft/io/sharded_safetensors.h"

namespace graft {

// Names of the two tensors that a tied model shares.
struct HeadNames {
  std::string head;
  std::string embedding;
};

// True when both tensors are stored and differ in shape or in any value; equal
// values of different types are equal. Reads both only as far as they agree.
bool has_own_head(const ShardedSafetensors& weights, const HeadNames& names);

// For a config.json that says tie_word_embeddings: true.
std::string own_head_warning(const ShardedSafetensors& weights,
                             const HeadNames& names);

}  // namespace graft
