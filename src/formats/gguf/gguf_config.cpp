// ARCHITECTURE.* and tokenizer.ggml.*_token_id keys as checked values.
#include <algorithm>

#include "formats/gguf/gguf_config_internal.h"
#include "formats/gguf/gguf_names_internal.h"
#include "formats/gguf/gguf_rope_internal.h"
#include "graft/base/error.h"

namespace graft {
namespace {

// A key that changes the maths of a Llama, and the value that does not.
struct NeutralKey {
  std::string_view name;  // below "ARCHITECTURE."
  double neutral;
};
constexpr NeutralKey kNeutralKeys[] = {{"expert_count", 0},
                                       {"attention.sliding_window", 0},
                                       {"attention.clamp_kqv", 0},
                                       {"attention.max_alibi_bias", 0},
                                       {"attn_logit_softcapping", 0},
                                       {"final_logit_softcapping", 0},
                                       {"logit_scale", 1},
                                       {"residual_scale", 1},
                                       {"embedding_scale", 1}};

void check_neutral(const GgufMetadata& metadata, const std::string& prefix) {
  for (const NeutralKey& row : kNeutralKeys) {
    const std::string key = prefix + std::string(row.name);
    const auto value = metadata.number(key);
    if (value && *value != row.neutral) {
      metadata.refuse(key, std::to_string(static_cast<int>(row.neutral)) +
                               ": graft does not support it for this family");
    }
  }
}

void read_sizes(const GgufFile& file, const std::string& prefix,
                ModelConfig& out) {
  const GgufMetadata& metadata = file.metadata();
  out.hidden_size = metadata.required_count(prefix + "embedding_length");
  out.intermediate_size =
      metadata.required_count(prefix + "feed_forward_length");
  out.layers = metadata.required_count(prefix + "block_count");
  out.max_positions = metadata.required_count(prefix + "context_length");
  // Each has tensors of its own: a forged count makes no large tables.
  const auto tensors = static_cast<std::int64_t>(file.entries().size());
  if (out.layers > tensors) {
    metadata.refuse(
        prefix + "block_count",
        "at most " + std::to_string(tensors) + ", the number of tensors");
  }
  const std::string eps = prefix + "attention.layer_norm_rms_epsilon";
  const auto value = metadata.number(eps);
  if (!value || *value <= 0) metadata.refuse(eps, "a number above 0");
  out.norm_eps = shortest_decimal(*value);
}

void read_heads(const GgufMetadata& metadata, const std::string& prefix,
                ModelConfig& out) {
  const std::string heads = prefix + "attention.head_count";
  const std::string kv_heads = prefix + "attention.head_count_kv";
  out.heads = metadata.required_count(heads);
  out.kv_heads = metadata.count(kv_heads).value_or(out.heads);
  if (out.heads % out.kv_heads != 0) {
    metadata.refuse(kv_heads, "a divisor of " + std::to_string(out.heads) +
                                  " (" + heads + ")");
  }
  const std::string key = prefix + "attention.key_length";
  const std::string value = prefix + "attention.value_length";
  const auto key_length = metadata.count(key);
  if (!key_length && out.hidden_size % out.heads != 0) {
    metadata.refuse(heads, "a divisor of " + std::to_string(out.hidden_size) +
                               " (" + prefix + "embedding_length)");
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

}  // namespace

ModelConfig read_gguf_config(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const GgufArchitecture& architecture = find_gguf_architecture(metadata);
  const std::string prefix = std::string(architecture.name) + ".";
  ModelConfig out;
  out.model_type = architecture.model_type;
  read_sizes(file, prefix, out);
  read_heads(metadata, prefix, out);
  check_neutral(metadata, prefix);
  out.vocab_size = read_vocabulary(file);
  out.tied_embeddings = file.find_or_null("output.weight") == nullptr;
  out.attention_bias = file.find_or_null("blk.0.attn_q.bias") != nullptr;
  out.mlp_bias = file.find_or_null("blk.0.ffn_gate.bias") != nullptr;
  out.rope = read_gguf_rope(file, prefix, out);
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
