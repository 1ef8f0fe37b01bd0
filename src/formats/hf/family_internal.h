// A family of models as a value: the tensors of its checkpoints, under Hugging
// Face's and llama.cpp's names, and what it reads from config.json. Entry
// points: find_family_or_null, families, family_names. One file below families/
// declares each; docs/design/16-families.md says how to add one. Private to
// formats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/formats/hf/model_config.h"
#include "graft/match/module_info.h"

namespace graft {

// A size, as an expression of the configuration.
enum class Size {
  kNone,
  kHidden,
  kVocab,
  kQuery,     // all query heads
  kKeyValue,  // all key, or all value, heads
  kQkv,       // kQuery + 2 kKeyValue
  kHead,      // one head
  kInner,     // of the MLP, or of the shared one
  kTwoInner,
  kExpertInner,
  kExperts,
};
std::int64_t evaluate(Size size, const ModelConfig& config);

enum class Bias { kNever, kQkv, kProjection, kMlp };
bool has_bias(Bias bias, const ModelConfig& config);

// The layers that a row is part of.
enum class Where { kEveryLayer, kDenseLayers, kExpertLayers };

// One HF tensor, or one of each expert where `hf` holds a '*'.
struct PartRow {
  std::string_view hf;  // below the layer's prefix inside a layer
  std::string_view component;
  Size rows;
  // llama.cpp's name, below "blk.N." inside a layer; of experts, the one tensor
  // (experts, rows, in) that holds them all.
  std::string_view gguf;
  bool rotated = false;  // heads that rope turns
};

// One module of the runtime model and the HF modules that fill its rows.
struct ModuleRow {
  std::string_view path;  // below "decoder.layers.N." inside a layer
  LayerKind kind;
  Size in = Size::kNone;  // second dimension of the weight; none: 1-D or none
  Bias bias = Bias::kNever;
  std::vector<PartRow> parts = {};
  // In checkpoints that pack experts, and in transformers' own model: the one
  // tensor (experts, rows, in) of a grouped row, the module of another.
  std::string_view packed = {};
  Where where = Where::kEveryLayer;
};

// Which layers have a sliding window.
enum class WindowRule {
  kNone,
  kAll,                // where sliding_window is not null
  kSwitchedAll,        // with use_sliding_window
  kSwitchedTopLayers,  // with use_sliding_window: layer_types, or those from
                       // max_window_layers on
  kSwitchedNoRope,     // with use_sliding_window: layer_types, or those
                       // without rope
  kPattern,            // layer_types, or all but every n-th
};

// What a family reads from config.json beyond the fields that all have, and
// its defaults: those of its class in transformers 5.23.
struct FamilySwitches {
  std::int64_t default_kv_heads = 0;  // 0: num_attention_heads
  std::int64_t default_head_dim = 0;  // 0: hidden_size / num_attention_heads
  std::int64_t default_max_positions = 2048;
  double default_norm_eps = 1e-6;
  double default_theta = 10000.0;
  bool default_tied = false;
  std::string_view activation_field = "hidden_act";
  std::string_view default_activation = "silu";
  bool attention_bias = false;  // reads the field
  bool qkv_bias = false;        // has them always
  bool mlp_bias = false;        // reads the field
  WindowRule window = WindowRule::kNone;
  std::int64_t default_window = 0;      // 0: none when the field is absent
  std::int64_t window_pattern = 0;      // kPattern: n
  std::string_view pattern_field = {};  // that overrides it
  bool partial_rotary = false;          // reads partial_rotary_factor
  std::int64_t original_positions = 0;  // default for scaled rope; 0:
                                        // max_position_embeddings
  double default_sliding_theta = 0;     // sliding layers have their own rope
  std::int64_t no_rope_interval = 0;    // reads no_rope_layers; 0: does not
  NormStyle norms = {};
  bool scaled_embedding = false;   // by the root of hidden_size
  std::int64_t query_scalar = 0;   // reads query_pre_attn_scalar: default
  double attention_soft_cap = -1;  // reads attn_logit_softcapping: default,
  double logit_soft_cap = -1;      // 0 for none; -1: does not read it
  // Accepts attn_logit_softcapping and computes without it, as its class does.
  bool ignores_attention_cap = false;
};

// Fields of a family with experts.
struct ExpertSwitches {
  bool has = false;
  std::int64_t default_count = 0;
  std::int64_t default_per_token = 0;
  std::string_view count_field = "num_local_experts";  // as it is written
  std::string_view size_field = "intermediate_size";
  std::int64_t default_size = 0;   // 0: the field is required
  bool always_normalised = false;  // else norm_topk_prob decides
  bool rounded_weights = false;    // ExpertConfig::rounded
  bool has_dense_layers = false;   // reads decoder_sparse_step and
                                   // mlp_only_layers
};

// What llama.cpp's files hold in another way, or leave to the program.
struct GgufForm {
  std::string_view architecture;  // general.architecture
  // The two halves of each rotated head have their rows interleaved, because
  // llama.cpp turns neighbours where transformers turns halves.
  bool interleaved = false;
  // Depth of the one published model whose scores are divided by the root of
  // hidden_size / heads; the files do not say it. 0: there is none.
  std::int64_t wide_query_layers = 0;
  std::int64_t default_window = 0;  // where the key is absent
};

struct Family {
  std::string_view model_type;
  std::string_view class_name;  // of transformers
  FamilySwitches switches = {};
  ExpertSwitches experts = {};
  GgufForm gguf = {};
  // The rows before, of and after the layers, in the walk order.
  std::vector<ModuleRow> head = {};
  std::vector<ModuleRow> layer = {};
  std::vector<ModuleRow> tail = {};
};

// All, the general ones before those that only add to them.
const std::vector<Family>& families();
const Family* find_family_or_null(std::string_view model_type);
// Throws Error for a name that is none of family_names().
const Family& find_family(std::string_view model_type);
// "llama, qwen2, ..."
std::string family_names();

}  // namespace graft
