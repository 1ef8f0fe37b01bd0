// llama.cpp's names for the tensors of a family, and what it does to their
// rows. Entry points: find_gguf_architecture, find_gguf_architecture_of,
// gguf_tensor_name, stored_head_rows. A new family is one row of the table in
// gguf_names.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf_metadata.h"

namespace graft {

// kHeads: the two halves of every head's rows are stored interleaved, because
// llama.cpp rotates neighbours where transformers rotates halves.
enum class RowTransform { kNone, kHeads };

struct GgufNameRow {
  std::string_view gguf;  // "attn_q", or "token_embd" outside of the layers
  std::string_view hf;    // "self_attn.q_proj", or "model.embed_tokens"
  RowTransform transform = RowTransform::kNone;
};

struct GgufArchitecture {
  std::string_view name;        // general.architecture
  std::string_view model_type;  // of config.json
  std::string_view class_name;  // of transformers
  std::span<const GgufNameRow> whole;
  std::span<const GgufNameRow> layer;
};

// Of general.architecture. Throws FileError for one that has no table, and for
// files that are no whole model (adapters, parts of a split).
const GgufArchitecture& find_gguf_architecture(const GgufMetadata& metadata);

// Of config.json's model_type. Throws FileError when it has no table.
const GgufArchitecture& find_gguf_architecture_of(std::string_view model_type);

struct GgufTensorName {
  std::string name;  // "blk.0.attn_q.weight"
  RowTransform transform = RowTransform::kNone;
};

// `hf_name` is one of the family's weight table.
GgufTensorName gguf_tensor_name(const GgufArchitecture& architecture,
                                std::string_view hf_name);

// Where row i of a kHeads tensor is stored.
std::vector<std::int64_t> stored_head_rows(std::int64_t rows,
                                           std::int64_t head_dim);

}  // namespace graft
