// ARCHITECTURE.* and tokenizer.ggml.*_token_id keys as checked values.
#include "formats/gguf/gguf_config_internal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "formats/gguf/gguf_layers_internal.h"
#include "formats/gguf/gguf_names_internal.h"
#include "formats/gguf/gguf_rope_internal.h"
#include "formats/hf/family_read_internal.h"
#include "graft/base/error.h"

namespace graft {
namespace {

// A key that changes the maths, and the value that does not.
struct NeutralKey {
  std::string_view name;  // below "ARCHITECTURE."
  double neutral;
  IsRead is_read = never;
};
constexpr NeutralKey kNeutralKeys[] = {
    {"expert_count", 0, has_experts},
    {"expert_shared_count", 0},
    {"expert_weights_scale", 1},
    {"expert_gating_func", 1},  // softmax
    {"attention.sliding_window", 0, has_window},
    {"attention.clamp_kqv", 0},
    {"attention.max_alibi_bias", 0},
    {"attn_logit_softcapping", 0, caps_attention},
    {"final_logit_softcapping", 0, caps_logits},
    {"logit_scale", 1},
    {"residual_scale", 1},
    {"embedding_scale", 1}};

void check_neutral(const GgufSource& source) {
  const GgufMetadata& metadata = source.metadata();
  for (const NeutralKey& row : kNeutralKeys) {
    if (row.is_read(source.family)) continue;
    const std::string key = source.key(row.name);
    const auto value = metadata.number(key);
    if (value && *value != row.neutral) {
      metadata.refuse(key, std::to_string(static_cast<int>(row.neutral)) +
                               ": graft does not support it for this family");
    }
  }
  const std::string causal = source.key("attention.causal");
  if (!metadata.boolean(causal).value_or(true)) {
    metadata.refuse(causal, "true: graft runs causal models");
  }
}

void read_sizes(const GgufSource& source, ModelConfig& out) {
  const GgufMetadata& metadata = source.metadata();
  out.hidden_size = metadata.required_count(source.key("embedding_length"));
  out.intermediate_size =
      metadata.required_count(source.key("feed_forward_length"));
  const std::string blocks = source.key("block_count");
  out.layers = metadata.required_count(blocks);
  out.max_positions = metadata.required_count(source.key("context_length"));
  // Each has tensors of its own: a forged count makes no large tables.
  const auto tensors = static_cast<std::int64_t>(source.file.entries().size());
  if (out.layers > tensors) {
    metadata.refuse(blocks, "at most " + std::to_string(tensors) +
                                ", the number of tensors");
  }
  const std::string eps = source.key("attention.layer_norm_rms_epsilon");
  const auto value = metadata.number(eps);
  if (!value || *value <= 0) metadata.refuse(eps, "a number above 0");
  out.norm_eps = shortest_decimal(*value);
}

void read_heads(const GgufSource& source, ModelConfig& out) {
  const GgufMetadata& metadata = source.metadata();
  const std::string heads = source.key("attention.head_count");
  const std::string kv_heads = source.key("attention.head_count_kv");
  out.heads = metadata.required_count(heads);
  out.kv_heads = metadata.count(kv_heads).value_or(out.heads);
  if (out.heads % out.kv_heads != 0) {
    metadata.refuse(kv_heads, "a divisor of " + std::to_string(out.heads) +
                                  " (" + heads + ")");
  }
  const std::string key = source.key("attention.key_length");
  const std::string value = source.key("attention.value_length");
  const auto key_length = metadata.count(key);
  if (!key_length && out.hidden_size % out.heads != 0) {
    metadata.refuse(heads, "a divisor of " + std::to_string(out.hidden_size) +
                               " (" + source.key("embedding_length") + ")");
  }
  out.head_dim = key_length.value_or(out.hidden_size / out.heads);
  if (metadata.count(value).value_or(out.head_dim) != out.head_dim) {
    metadata.refuse(value, std::to_string(out.head_dim) + ", as " + key);
  }
  if (out.head_dim % 2 != 0) {
    metadata.refuse(key_length ? key : heads, "heads of an even size");
  }
}

std::int64_t read_vocabulary(const GgufFile& file) {
  const GgufEntry* words = file.find_or_null("token_embd.weight");
  if (words != nullptr && words->shape.size() == 2) return words->shape[0];
  throw FileError(ErrorText{
      .operation = "gguf",
      .what = file.path().string() + ": no matrix 'token_embd.weight'",
      .hint = "A file with a vocabulary alone is no "
              "model"});
}

// The files do not name it: it is that of the family's class.
Activation activation_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Activation>, 2> kNames = {
      {{"silu", Activation::kSilu},
       {"gelu_pytorch_tanh", Activation::kGeluTanh}}};
  for (const auto& [known, activation] : kNames) {
    if (known == name) return activation;
  }
  throw Error("gguf: activation '" + std::string(name) + "'");
}

// A number of 0 or more; the family's own when absent.
double read_soft_cap(const GgufSource& source, std::string_view name,
                     double fallback) {
  if (fallback < 0) return 0;
  const std::string key = source.key(name);
  const auto value = source.metadata().number(key);
  if (value && *value < 0) source.metadata().refuse(key, "0 or more");
  return value ? shortest_decimal(*value) : fallback;
}

// Scores are divided by the root of it. llama.cpp takes it from the sizes; the
// key, where there is one, wins.
double read_query_scalar(const GgufSource& source, const ModelConfig& config) {
  const std::string key = source.key("attention.scale");
  const auto scale = source.metadata().number(key);
  const bool wide = source.family.gguf.wide_query_layers == config.layers;
  const auto usual = static_cast<double>(
      wide ? config.hidden_size / config.heads : config.head_dim);
  if (!scale || *scale == 0) return usual;
  if (*scale < 0) source.metadata().refuse(key, "a number above 0");
  const double scalar = shortest_decimal(1 / (*scale * *scale));
  const bool same = std::abs(scalar - usual) <= 1e-5 * usual;
  if (same) return usual;
  if (source.family.switches.query_scalar == 0) {
    source.metadata().refuse(
        key, "1 / sqrt(" + std::to_string(config.head_dim) +
                 "): graft does not support it for this family");
  }
  // 20 comes back from 1 / sqrt(20) in float32.
  const double whole = std::round(scalar);
  return std::abs(scalar - whole) <= 1e-5 * scalar ? whole : scalar;
}

void read_switches(const GgufSource& source, ModelConfig& out) {
  const FamilySwitches& switches = source.family.switches;
  out.norms = switches.norms;
  out.qkv_bias = switches.qkv_bias;
  out.activation = activation_of(switches.default_activation);
  out.attention_soft_cap = read_soft_cap(source, "attn_logit_softcapping",
                                         switches.attention_soft_cap);
  out.logit_soft_cap =
      read_soft_cap(source, "final_logit_softcapping", switches.logit_soft_cap);
  const double scalar = read_query_scalar(source, out);
  if (switches.query_scalar > 0) out.query_scalar = scalar;
  if (switches.scaled_embedding) {
    out.embedding_scale = std::sqrt(static_cast<double>(out.hidden_size));
  }
  const auto has = [&source](const char* name) {
    return source.file.find_or_null(name) != nullptr;
  };
  out.tied_embeddings = !has("output.weight");
  out.attention_bias =
      switches.attention_bias &&
      (has("blk.0.attn_q.bias") || has("blk.0.attn_output.bias"));
  out.mlp_bias = switches.mlp_bias && has("blk.0.ffn_down.bias");
}

}  // namespace

ModelConfig read_gguf_config(const GgufFile& file) {
  const GgufSource source{file, find_gguf_family(file.metadata())};
  ModelConfig out;
  out.model_type = source.family.model_type;
  read_sizes(source, out);
  read_heads(source, out);
  check_neutral(source);
  out.vocab_size = read_vocabulary(file);
  read_switches(source, out);
  read_gguf_rope(source, out);
  read_gguf_experts(source, out);
  read_gguf_layers(source, out);
  return out;
}

GenerationConfig read_gguf_generation(const GgufMetadata& metadata) {
  const auto id = [&](const char* name) {
    const std::string key = std::string("tokenizer.ggml.") + name + "_token_id";
    const auto value = metadata.integer(key);
    if (value && *value < 0) metadata.refuse(key, "a token id");
    return value;
  };
  GenerationConfig out;
  out.bos_token_id = id("bos");
  out.pad_token_id = id("padding");
  for (const char* name : {"eos", "eot"}) {
    const auto end = id(name);
    if (end &&
        std::ranges::find(out.eos_token_ids, *end) == out.eos_token_ids.end()) {
      out.eos_token_ids.push_back(*end);
    }
  }
  return out;
}

}  // namespace graft
