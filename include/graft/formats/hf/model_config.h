// config.json of a Hugging Face checkpoint. Entry points: read_model_config,
// read_generation_config. Fields: docs/formats/hf_config.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/dtype.h"

namespace graft {

enum class RopeKind { kDefault, kLinear, kDynamic, kLlama3, kYarn };

// Rotary embedding, as transformers defines each rope_type. Fields that a kind
// does not use keep their defaults.
struct RopeConfig {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000.0;
  double factor = 1.0;
  double low_freq_factor = 1.0;             // llama3
  double high_freq_factor = 4.0;            // llama3
  std::int64_t original_max_positions = 0;  // llama3, yarn, dynamic
  double beta_fast = 32.0;                  // yarn
  double beta_slow = 1.0;                   // yarn
  std::optional<double> attention_factor;   // yarn
  std::optional<double> mscale;             // yarn
  std::optional<double> mscale_all_dim;     // yarn
  bool truncate = true;                     // yarn
};

// What the runtime model needs. Values are checked: positive sizes, heads
// divisible by key-value heads.
struct ModelConfig {
  std::string model_type;  // "llama"
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  bool attention_bias = false;  // q, k, v and o biases
  bool mlp_bias = false;
  bool tied_embeddings = false;
  RopeConfig rope;
  std::optional<DType> dtype;  // dtype or torch_dtype, if stated
};

struct GenerationConfig {
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_ids;  // scalar or list on disk
  std::optional<std::int64_t> pad_token_id;
};

// Reads either spelling (rope_parameters or rope_theta + rope_scaling; dtype or
// torch_dtype). Throws FileError for damaged JSON, an unknown architecture, or
// a field that changes the maths and is not supported (it names the field).
ModelConfig read_model_config(const std::filesystem::path& config_json);

// Only model_type, for commands that work on any family; nullopt when the file
// or the field is missing.
std::optional<std::string> read_model_type(
    const std::filesystem::path& directory);

// From generation_config.json, then config.json; missing files give an empty
// result.
GenerationConfig read_generation_config(const std::filesystem::path& directory);

// True when graft has a family table and a runtime for `model_type`.
bool is_supported_family(const std::string& model_type);

}  // namespace graft
