// Where llama.cpp keeps the tensors of a family, read off the family's rows,
// and what it does to them. Entry points: find_gguf_family, gguf_family_of,
// find_gguf_place, stored_head_rows. Private to formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/hf/family_internal.h"
#include "graft/io/gguf_metadata.h"

namespace graft {

// The family of a file: by general.architecture, which Llama, Mistral and
// Mixtral share, and then by its experts and its sliding window. Throws
// FileError for an architecture that no family has, and for files that are no
// whole model (adapters, parts of a split).
const Family& find_gguf_family(const GgufMetadata& metadata);

// Of config.json's model_type. Throws FileError when llama.cpp has no names for
// it.
const Family& gguf_family_of(std::string_view model_type);

// One Hugging Face tensor or module in llama.cpp's files.
struct GgufPlace {
  std::string name;          // "blk.0.attn_q.weight", "blk.0.ffn_up_exps"
  bool interleaved = false;  // rows as stored_head_rows puts them
  bool shifted = false;      // stored as 1 + w
  // Of a matrix of one expert: its number inside of the tensor `name`, and the
  // name of the tensor of its own that older files have.
  std::optional<std::int64_t> expert;
  std::string own_name;
};

// `hf_name` is a tensor ("...weight", "...bias") of the weight table of
// `config`, whose family llama.cpp knows.
GgufPlace find_gguf_place(const ModelConfig& config, std::string_view hf_name);

// Where row i of an interleaved tensor is stored: the two halves of every
// head's rows alternate, because llama.cpp rotates neighbours where
// transformers rotates halves.
std::vector<std::int64_t> stored_head_rows(std::int64_t rows,
                                           std::int64_t head_dim);

}  // namespace graft
