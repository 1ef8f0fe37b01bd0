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

enum class RopeKind {
  kDefault,
  kLinear,
  kDynamic,
  kLlama3,
  kYarn,
  kLongRope,
};

// Rotary embedding, as transformers defines each rope_type. Fields that a kind
// does not use keep their defaults.
struct RopeConfig {
  RopeKind kind = RopeKind::kDefault;
  double theta = 10000.0;
  double factor = 1.0;
  double low_freq_factor = 1.0;             // llama3
  double high_freq_factor = 4.0;            // llama3
  std::int64_t original_max_positions = 0;  // all but default and linear
  double beta_fast = 32.0;                  // yarn
  double beta_slow = 1.0;                   // yarn
  std::optional<double> attention_factor;   // yarn, longrope
  std::optional<double> mscale;             // yarn
  std::optional<double> mscale_all_dim;     // yarn
  bool truncate = true;                     // yarn
  // longrope: divisors of the frequencies of sequences up to the original
  // length, and of longer ones; one for each pair.
  std::vector<double> short_factors;
  std::vector<double> long_factors;
  // Of each head's dimensions, the first int(share * head_dim) are turned.
  double rotated_share = 1.0;
};

// f in f(gate) * up. kGeluTanh: GELU by its tanh approximation.
enum class Activation { kSilu, kGelu, kGeluTanh, kRelu };

// Norms on queries and keys before the rotation: none, of each head, or of all
// heads together.
enum class QkNorm { kNone, kHead, kAll };

// Where a family's norms stand and what their weights mean.
struct NormStyle {
  bool zero_centred = false;  // y = x / rms(x) * (1 + w) instead of w
  bool before = true;         // of attention and of the MLP
  bool behind = false;
  QkNorm qk = QkNorm::kNone;
};

// What tells one decoder layer from another.
struct LayerTraits {
  bool sliding = false;  // sees ModelConfig::sliding_window keys at most
  bool rope = true;
  bool experts = false;  // a router and experts in place of one MLP

  friend bool operator==(const LayerTraits&, const LayerTraits&) = default;
};

struct ExpertConfig {
  std::int64_t count = 0;      // 0: no layer has experts
  std::int64_t per_token = 0;  // of them chosen
  std::int64_t size = 0;       // intermediate size of one
  bool normalised = false;     // chosen probabilities are divided by their sum
  bool rounded = false;        // and rounded to the type of the computation
  bool packed = false;         // stored as one tensor for all experts
};

// Where a checkpoint keeps its language model.
struct NamePrefix {
  std::string body = "model.";  // "model.layers.0..."
  std::string head;             // "" + "lm_head"

  friend bool operator==(const NamePrefix&, const NamePrefix&) = default;
};

// What the runtime model needs. Values are checked: positive sizes, heads
// divisible by key-value heads.
struct ModelConfig {
  std::string model_type;  // "llama"; of the language model in a wrapper
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  NormStyle norms;
  bool attention_bias = false;  // q, k, v and o biases
  bool qkv_bias = false;        // q, k and v biases alone
  bool mlp_bias = false;
  bool tied_embeddings = false;
  RopeConfig rope;
  std::optional<RopeConfig> sliding_rope;  // of sliding layers, if another
  Activation activation = Activation::kSilu;
  std::int64_t sliding_window = 0;        // keys, the query's own included
  std::vector<LayerTraits> layer_traits;  // empty: all layers are alike
  double query_scalar = 0;                // scores / sqrt(it); 0: head_dim
  double attention_soft_cap = 0;          // cap * tanh(score / cap); 0: none
  double logit_soft_cap = 0;
  double embedding_scale = 1;
  ExpertConfig experts;
  NamePrefix prefix;
  std::optional<DType> dtype;  // dtype or torch_dtype, if stated

  LayerTraits layer(std::int64_t n) const {
    return layer_traits.empty() ? LayerTraits{}
                                : layer_traits[static_cast<std::size_t>(n)];
  }
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

// The model_type of the language model, its text_config's in a multimodal
// wrapper; nullopt when graft has no table for it.
std::optional<std::string> read_family_type(
    const std::filesystem::path& directory);

}  // namespace graft
