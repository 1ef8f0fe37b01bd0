// The fields that model_config.cpp and rope_config.cpp read, and the token
// ids. rope_theta with rope_scaling is the spelling that old and new
// transformers both read.
#include "formats/hf/model_config_writer_internal.h"

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
      break;
  }
  return nullptr;
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
  if (config.model_type != "llama") {
    throw Error("config: no writer for family " + config.model_type);
  }
  const std::string class_name(find_family(config.model_type).class_name);
  ordered_json out = {{"architectures", {class_name}},
                      {"model_type", config.model_type},
                      {"vocab_size", config.vocab_size},
                      {"hidden_size", config.hidden_size},
                      {"intermediate_size", config.intermediate_size},
                      {"num_hidden_layers", config.layers},
                      {"num_attention_heads", config.heads},
                      {"num_key_value_heads", config.kv_heads},
                      {"head_dim", config.head_dim},
                      {"hidden_act", "silu"},
                      {"max_position_embeddings", config.max_positions},
                      {"rms_norm_eps", config.norm_eps},
                      {"attention_bias", config.attention_bias},
                      {"mlp_bias", config.mlp_bias},
                      {"tie_word_embeddings", config.tied_embeddings},
                      {"rope_theta", config.rope.theta},
                      {"rope_scaling", rope_scaling(config.rope)},
                      {"torch_dtype", dtype_word(dtype)}};
  add_token_ids(generation, out);
  return out.dump(2) + "\n";
}

std::string generation_config_to_json(const GenerationConfig& generation) {
  ordered_json out = ordered_json::object();
  add_token_ids(generation, out);
  return out.dump(2) + "\n";
}

}  // namespace graft
