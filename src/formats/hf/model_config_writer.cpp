// The fields that model_config.cpp, rope_config.cpp and layer_traits.cpp read
// for the family, and the token ids. rope_theta with rope_scaling is the
// spelling that old and new transformers both read.
#include "formats/hf/model_config_writer_internal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "formats/hf/family_internal.h"
#include "graft/base/error.h"

namespace graft {
namespace {

using nlohmann::ordered_json;

const char* dtype_word(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "float32";
    case DType::kF16:
      return "float16";
    case DType::kBF16:
      return "bfloat16";
    default:
      throw Error("config: no word for this element type");
  }
}

ordered_json yarn_scaling(const RopeConfig& rope) {
  ordered_json out = {
      {"rope_type", "yarn"},
      {"factor", rope.factor},
      {"original_max_position_embeddings", rope.original_max_positions},
      {"beta_fast", rope.beta_fast},
      {"beta_slow", rope.beta_slow},
      {"truncate", rope.truncate}};
  if (rope.attention_factor) out["attention_factor"] = *rope.attention_factor;
  if (rope.mscale) out["mscale"] = *rope.mscale;
  if (rope.mscale_all_dim) out["mscale_all_dim"] = *rope.mscale_all_dim;
  return out;
}

// The older word beside rope_type is the one that older transformers reads.
ordered_json longrope_scaling(const RopeConfig& rope) {
  ordered_json out = {{"type", "longrope"},
                      {"short_factor", rope.short_factors},
                      {"long_factor", rope.long_factors}};
  if (rope.attention_factor) out["attention_factor"] = *rope.attention_factor;
  return out;
}

ordered_json rope_scaling(const RopeConfig& rope) {
  switch (rope.kind) {
    case RopeKind::kDefault:
      return nullptr;
    case RopeKind::kLinear:
      return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case RopeKind::kDynamic:
      return {{"rope_type", "dynamic"}, {"factor", rope.factor}};
    case RopeKind::kLlama3:
      return {
          {"rope_type", "llama3"},
          {"factor", rope.factor},
          {"low_freq_factor", rope.low_freq_factor},
          {"high_freq_factor", rope.high_freq_factor},
          {"original_max_position_embeddings", rope.original_max_positions}};
    case RopeKind::kYarn:
      return yarn_scaling(rope);
    case RopeKind::kLongRope:
      return longrope_scaling(rope);
  }
  return nullptr;
}

const char* activation_word(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "silu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_pytorch_tanh";
    case Activation::kRelu:
      return "relu";
  }
  return "silu";
}

void add_rope(const ModelConfig& config, ordered_json& out) {
  const RopeConfig& rope = config.rope;
  out["rope_theta"] = rope.theta;
  if (config.sliding_rope) {
    out["rope_local_base_freq"] = config.sliding_rope->theta;
  }
  out["rope_scaling"] = rope_scaling(rope);
  if (rope.kind == RopeKind::kLongRope) {
    out["original_max_position_embeddings"] = rope.original_max_positions;
  }
  if (rope.rotated_share != 1) {
    out["partial_rotary_factor"] = rope.rotated_share;
  }
}

ordered_json layer_types(const ModelConfig& config) {
  ordered_json out = ordered_json::array();
  for (std::int64_t n = 0; n < config.layers; ++n) {
    out.push_back(config.layer(n).sliding ? "sliding_attention"
                                          : "full_attention");
  }
  return out;
}

bool has_sliding_layers(const ModelConfig& config) {
  return std::ranges::any_of(config.layer_traits, &LayerTraits::sliding);
}

void add_window(const ModelConfig& config, WindowRule rule, ordered_json& out) {
  if (rule == WindowRule::kNone) return;
  const bool slides = has_sliding_layers(config);
  if (rule != WindowRule::kAll && rule != WindowRule::kPattern) {
    out["use_sliding_window"] = slides;
  }
  out["sliding_window"] =
      slides ? ordered_json(config.sliding_window) : ordered_json();
  const bool alike =
      rule == WindowRule::kAll || rule == WindowRule::kSwitchedAll;
  if (!alike) out["layer_types"] = layer_types(config);
}

ordered_json rope_flags(const ModelConfig& config) {
  ordered_json out = ordered_json::array();
  for (std::int64_t n = 0; n < config.layers; ++n) {
    out.push_back(config.layer(n).rope ? 1 : 0);
  }
  return out;
}

ordered_json cap(double value) {
  return value > 0 ? ordered_json(value) : ordered_json();
}

// transformers wants an integer where there can be one.
ordered_json whole_or_number(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? ordered_json(whole)
                                             : ordered_json(value);
}

void add_switches(const ModelConfig& config, const FamilySwitches& switches,
                  ordered_json& out) {
  if (switches.attention_bias) out["attention_bias"] = config.attention_bias;
  if (switches.mlp_bias) out["mlp_bias"] = config.mlp_bias;
  if (switches.attention_soft_cap >= 0) {
    out["attn_logit_softcapping"] = cap(config.attention_soft_cap);
  }
  if (switches.logit_soft_cap >= 0) {
    out["final_logit_softcapping"] = cap(config.logit_soft_cap);
  }
  if (switches.query_scalar > 0) {
    out["query_pre_attn_scalar"] = whole_or_number(config.query_scalar);
  }
  add_window(config, switches.window, out);
  if (switches.no_rope_interval > 0) {
    out["no_rope_layer_interval"] = switches.no_rope_interval;
    out["no_rope_layers"] = rope_flags(config);
  }
}

void add_experts(const ModelConfig& config, const ExpertSwitches& switches,
                 ordered_json& out) {
  if (!switches.has) return;
  out[std::string(switches.count_field)] = config.experts.count;
  out["num_experts_per_tok"] = config.experts.per_token;
  out[std::string(switches.size_field)] = config.experts.size;
  if (!switches.always_normalised) {
    out["norm_topk_prob"] = config.experts.normalised;
  }
  if (!switches.has_dense_layers) return;
  ordered_json dense = ordered_json::array();
  for (std::int64_t n = 0; n < config.layers; ++n) {
    if (!config.layer(n).experts) dense.push_back(n);
  }
  out["decoder_sparse_step"] = 1;
  out["mlp_only_layers"] = dense;
}

void add_token_ids(const GenerationConfig& generation, ordered_json& out) {
  if (generation.bos_token_id) out["bos_token_id"] = *generation.bos_token_id;
  const auto& ends = generation.eos_token_ids;
  if (ends.size() == 1) out["eos_token_id"] = ends.front();
  if (ends.size() > 1) out["eos_token_id"] = ends;
  if (generation.pad_token_id) out["pad_token_id"] = *generation.pad_token_id;
}

}  // namespace

std::string model_config_to_json(const ModelConfig& config, DType dtype,
                                 const GenerationConfig& generation) {
  const Family& family = find_family(config.model_type);
  const FamilySwitches& switches = family.switches;
  ordered_json out = {{"architectures", {std::string(family.class_name)}},
                      {"model_type", config.model_type},
                      {"vocab_size", config.vocab_size},
                      {"hidden_size", config.hidden_size},
                      {"intermediate_size", config.intermediate_size},
                      {"num_hidden_layers", config.layers},
                      {"num_attention_heads", config.heads},
                      {"num_key_value_heads", config.kv_heads},
                      {"head_dim", config.head_dim},
                      {std::string(switches.activation_field),
                       activation_word(config.activation)},
                      {"max_position_embeddings", config.max_positions},
                      {"rms_norm_eps", config.norm_eps}};
  add_switches(config, switches, out);
  add_experts(config, family.experts, out);
  out["tie_word_embeddings"] = config.tied_embeddings;
  add_rope(config, out);
  out["torch_dtype"] = dtype_word(dtype);
  // Some classes default to an id that small vocabularies do not have.
  out["pad_token_id"] = nullptr;
  add_token_ids(generation, out);
  return out.dump(2) + "\n";
}

std::string generation_config_to_json(const GenerationConfig& generation) {
  ordered_json out = ordered_json::object();
  add_token_ids(generation, out);
  return out.dump(2) + "\n";
}

}  // namespace graft
