// Reads config.json and generation_config.json into checked values. Entry
// points: read_model_config, read_model_type, read_generation_config,
// is_supported_family. Rope is in rope_config.cpp.
#include "graft/formats/hf/model_config.h"

#include <algorithm>
#include <array>
#include <utility>

#include "formats/hf/json_fields_internal.h"
#include "formats/hf/rope_config_internal.h"
#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr char kOperation[] = "config";

constexpr std::array<std::string_view, 1> kFamilies = {"llama"};

std::string family_list() {
  std::string out;
  for (std::string_view family : kFamilies) {
    if (!out.empty()) out += ", ";
    out += family;
  }
  return out;
}

nlohmann::json read_object(const std::filesystem::path& path) {
  nlohmann::json object = parse_json_file(path, kOperation);
  if (object.is_object()) return object;
  throw FileError({.operation = kOperation,
                   .what = path.string(),
                   .got = json_summary(object),
                   .expected = "a JSON object"});
}

std::string read_family(const JsonFields& fields) {
  const std::string type = fields.text("model_type").value_or("");
  if (!is_supported_family(type)) {
    fields.reject("model_type",
                  "an architecture that graft can run (" + family_list() +
                      "); plan, inspect, merge and verify work on any");
  }
  const auto names = fields.texts("architectures");
  const bool causal =
      !names || names->empty() ||
      std::any_of(names->begin(), names->end(), [](const std::string& name) {
        return name.ends_with("ForCausalLM");
      });
  if (!causal) {
    fields.problems().add(
        "'architectures': got " + names->front() +
        ", expected a causal language model (...ForCausalLM)");
  }
  return type;
}

// A field that changes the maths of a Llama, and the one value that does not.
struct FixedField {
  std::string_view name;
  nlohmann::json neutral;  // null: any value is unsupported
};

// Sliding windows count only while they are switched on.
bool window_is_off(const JsonFields& fields, std::string_view name) {
  return name == "sliding_window" && fields.has("use_sliding_window") &&
         !fields.boolean("use_sliding_window").value_or(true);
}

void check_unsupported(const JsonFields& fields) {
  static const std::vector<FixedField> kFixed = {
      {"quantization_config", nullptr},
      {"sliding_window", nullptr},
      {"attention_chunk_size", nullptr},
      {"attn_logit_softcapping", nullptr},
      {"final_logit_softcapping", nullptr},
      {"query_pre_attn_scalar", nullptr},
      {"clip_qkv", nullptr},
      {"num_local_experts", 0},
      {"num_experts", 0},
      {"partial_rotary_factor", 1.0},
      {"embedding_multiplier", 1.0},
      {"residual_multiplier", 1.0},
      {"logits_scaling", 1.0},
      {"logit_scale", 1.0},
      {"use_qk_norm", false},
      {"qk_norm", false},
      {"use_bidirectional_attention", false},
      {"is_encoder_decoder", false},
      {"add_cross_attention", false},
  };
  for (const FixedField& field : kFixed) {
    const nlohmann::json* value = fields.find_or_null(field.name);
    if (value == nullptr || *value == field.neutral) continue;
    if (window_is_off(fields, field.name)) continue;
    fields.problems().add("'" + fields.path(field.name) + "': got " +
                          json_summary(*value) +
                          ", which graft does not support for this family");
  }
}

void check_layer_types(const JsonFields& fields) {
  const auto types = fields.texts("layer_types");
  if (!types) return;
  for (const std::string& type : *types) {
    if (type == "full_attention") continue;
    fields.problems().add("'layer_types': got " + type +
                          ", expected full_attention in every layer");
    return;
  }
}

// So that products of two sizes stay inside 64 bits.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;

std::int64_t read_size(const JsonFields& fields, std::string_view name) {
  const std::int64_t size = fields.required_count(name);
  if (size > kLargestSize) fields.reject(name, "at most 2147483648");
  return size;
}

void read_sizes(const JsonFields& fields, ModelConfig& out) {
  out.vocab_size = read_size(fields, "vocab_size");
  out.hidden_size = read_size(fields, "hidden_size");
  out.intermediate_size = read_size(fields, "intermediate_size");
  out.layers = fields.required_count("num_hidden_layers");
  out.heads = read_size(fields, "num_attention_heads");
  out.kv_heads = fields.count("num_key_value_heads").value_or(out.heads);
  out.max_positions = fields.count("max_position_embeddings").value_or(2048);
  constexpr std::int64_t kMaxLayers = 100000;
  if (out.layers > kMaxLayers) {
    fields.reject("num_hidden_layers", "at most 100000");
  }
}

// Needs sizes that were read without a problem.
void check_heads(const JsonFields& fields, ModelConfig& out) {
  if (out.heads % out.kv_heads != 0) {
    fields.reject("num_key_value_heads", "a divisor of num_attention_heads (" +
                                             std::to_string(out.heads) + ")");
  }
  const auto head_dim = fields.count("head_dim");
  if (!head_dim && out.hidden_size % out.heads != 0) {
    fields.reject("hidden_size", "a multiple of num_attention_heads (" +
                                     std::to_string(out.heads) + ")");
  }
  out.head_dim = head_dim.value_or(out.hidden_size / out.heads);
  if (out.head_dim > kLargestSize) {
    fields.reject("head_dim", "at most 2147483648");
  }
  if (out.head_dim % 2 != 0) {
    fields.problems().add("'head_dim': got " + std::to_string(out.head_dim) +
                          ", expected an even number (rotary embedding)");
  }
}

void read_switches(const JsonFields& fields, ModelConfig& out) {
  out.norm_eps = fields.number("rms_norm_eps").value_or(1e-6);
  if (out.norm_eps <= 0) fields.reject("rms_norm_eps", "a number above 0");
  out.attention_bias = fields.boolean("attention_bias").value_or(false);
  out.mlp_bias = fields.boolean("mlp_bias").value_or(false);
  out.tied_embeddings = fields.boolean("tie_word_embeddings").value_or(false);
  const std::string act = fields.text("hidden_act").value_or("silu");
  if (act != "silu" && act != "swish") fields.reject("hidden_act", "silu");
}

std::optional<DType> read_dtype(const JsonFields& fields) {
  const std::string_view field = fields.has("dtype") ? "dtype" : "torch_dtype";
  std::string name = fields.text(field).value_or("");
  if (name.starts_with("torch.")) name = name.substr(6);
  if (name == "float32") return DType::kF32;
  if (name == "bfloat16") return DType::kBF16;
  if (name == "float16") return DType::kF16;
  if (name == "float64") return DType::kF64;
  return std::nullopt;
}

void read_token_ids(const nlohmann::json& object,
                    const std::filesystem::path& path, GenerationConfig& out) {
  ProblemList problems(kOperation, path);
  const JsonFields fields(object, "", problems);
  if (!out.bos_token_id) out.bos_token_id = fields.integer("bos_token_id");
  if (!out.pad_token_id) out.pad_token_id = fields.integer("pad_token_id");
  const nlohmann::json* eos = fields.find_or_null("eos_token_id");
  if (eos != nullptr && out.eos_token_ids.empty()) {
    if (eos->is_array()) {
      out.eos_token_ids =
          fields.integers("eos_token_id").value_or(std::vector<std::int64_t>{});
    } else if (const auto id = fields.integer("eos_token_id")) {
      out.eos_token_ids = {*id};
    }
  }
  problems.throw_if_any();
}

}  // namespace

bool is_supported_family(const std::string& model_type) {
  return std::find(kFamilies.begin(), kFamilies.end(), model_type) !=
         kFamilies.end();
}

ModelConfig read_model_config(const std::filesystem::path& config_json) {
  const nlohmann::json object = read_object(config_json);
  ProblemList problems(kOperation, config_json);
  const JsonFields fields(object, "", problems);
  ModelConfig out;
  out.model_type = read_family(fields);
  // The other fields of an unknown family mean nothing to graft.
  problems.throw_if_any();
  read_sizes(fields, out);
  if (problems.empty()) check_heads(fields, out);
  read_switches(fields, out);
  out.rope = read_rope_config(fields, out.max_positions);
  out.dtype = read_dtype(fields);
  check_unsupported(fields);
  check_layer_types(fields);
  problems.throw_if_any();
  return out;
}

std::optional<std::string> read_model_type(
    const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "config.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const nlohmann::json object = read_object(path);
  ProblemList problems(kOperation, path);
  const auto type = JsonFields(object, "", problems).text("model_type");
  problems.throw_if_any();
  return type;
}

GenerationConfig read_generation_config(
    const std::filesystem::path& directory) {
  GenerationConfig out;
  for (const char* name : {"generation_config.json", "config.json"}) {
    const std::filesystem::path path = directory / name;
    if (!std::filesystem::exists(path)) continue;
    read_token_ids(read_object(path), path, out);
  }
  return out;
}

}  // namespace graft
