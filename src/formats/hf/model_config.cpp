// Reads config.json and generation_config.json into checked values. Entry
// points: read_model_config, read_model_type, read_generation_config,
// is_supported_family. Rope, layers and refused fields have their own files.
#include "graft/formats/hf/model_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "formats/hf/family_internal.h"
#include "formats/hf/json_fields_internal.h"
#include "formats/hf/layer_traits_internal.h"
#include "formats/hf/rope_config_internal.h"
#include "formats/hf/unsupported_field_internal.h"
#include "graft/base/error.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr char kOperation[] = "config";

nlohmann::json read_object(const std::filesystem::path& path) {
  nlohmann::json object = parse_json_file(path, kOperation);
  if (object.is_object()) return object;
  throw FileError({.operation = kOperation,
                   .what = path.string(),
                   .got = json_summary(object),
                   .expected = "a JSON object"});
}

// The object that describes the language model, and its place in the file: a
// multimodal wrapper keeps it in text_config.
struct LanguageModel {
  const nlohmann::json* object;
  std::string prefix;
};

std::string_view type_of(const nlohmann::json& object) {
  const auto found = object.find("model_type");
  return found != object.end() && found->is_string()
             ? std::string_view(found->get_ref<const std::string&>())
             : std::string_view();
}

LanguageModel find_language_model(const nlohmann::json& object) {
  if (find_family_or_null(type_of(object)) == nullptr) {
    const auto inner = object.find("text_config");
    if (inner != object.end() && inner->is_object() &&
        find_family_or_null(type_of(*inner)) != nullptr) {
      return {&*inner, "text_config."};
    }
  }
  return {&object, ""};
}

const Family& read_family(const JsonFields& fields) {
  const Family* family =
      find_family_or_null(fields.text("model_type").value_or(""));
  if (family == nullptr) {
    fields.reject("model_type",
                  "an architecture that graft can run (" + family_names() +
                      "); plan, inspect, merge and verify work on any");
    // The other fields of an unknown family mean nothing to graft.
    fields.problems().throw_if_any();
  }
  return *family;
}

void check_architectures(const JsonFields& fields) {
  const auto names = fields.texts("architectures");
  if (!names || names->empty()) return;
  const auto is_causal = [](const std::string& name) {
    return name.ends_with("ForCausalLM") ||
           name.ends_with("ForConditionalGeneration");
  };
  if (std::any_of(names->begin(), names->end(), is_causal)) return;
  fields.problems().add("'architectures': got " + names->front() +
                        ", expected a causal language model (...ForCausalLM)");
}

// So that products of two sizes stay inside 64 bits.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 31;

std::int64_t read_size(const JsonFields& fields, std::string_view name) {
  const std::int64_t size = fields.required_count(name);
  if (size > kLargestSize) fields.reject(name, "at most 2147483648");
  return size;
}

void read_sizes(const JsonFields& fields, const Family& family,
                ModelConfig& out) {
  const FamilySwitches& switches = family.switches;
  out.vocab_size = read_size(fields, "vocab_size");
  out.hidden_size = read_size(fields, "hidden_size");
  out.intermediate_size = read_size(fields, "intermediate_size");
  out.layers = fields.required_count("num_hidden_layers");
  out.heads = read_size(fields, "num_attention_heads");
  // Null is all heads; the class's default is for an absent field.
  const bool absent =
      switches.default_kv_heads > 0 && !fields.mentions("num_key_value_heads");
  out.kv_heads = fields.count("num_key_value_heads")
                     .value_or(absent ? switches.default_kv_heads : out.heads);
  out.max_positions = fields.count("max_position_embeddings")
                          .value_or(switches.default_max_positions);
  constexpr std::int64_t kMaxLayers = 100000;
  if (out.layers > kMaxLayers) {
    fields.reject("num_hidden_layers", "at most 100000");
  }
}

// Needs sizes that were read without a problem.
void check_heads(const JsonFields& fields, const Family& family,
                 ModelConfig& out) {
  if (out.heads % out.kv_heads != 0) {
    fields.reject("num_key_value_heads", "a divisor of num_attention_heads (" +
                                             std::to_string(out.heads) + ")");
  }
  auto head_dim = fields.count("head_dim");
  const std::int64_t fallback = family.switches.default_head_dim;
  if (!head_dim && fallback > 0) head_dim = fallback;
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

Activation read_activation(const JsonFields& fields,
                           const FamilySwitches& switches) {
  static constexpr std::array<std::pair<std::string_view, Activation>, 7>
      kNames = {{{"silu", Activation::kSilu},
                 {"swish", Activation::kSilu},
                 {"gelu", Activation::kGelu},
                 {"gelu_new", Activation::kGeluTanh},
                 {"gelu_pytorch_tanh", Activation::kGeluTanh},
                 {"gelu_fast", Activation::kGeluTanh},
                 {"relu", Activation::kRelu}}};
  const std::string name =
      fields.text(switches.activation_field)
          .value_or(std::string(switches.default_activation));
  for (const auto& [known, activation] : kNames) {
    if (known == name) return activation;
  }
  fields.reject(switches.activation_field,
                "silu, gelu, gelu_new, gelu_pytorch_tanh or relu");
  return Activation::kSilu;
}

// A number above 0, or 0 for null; the family's own when absent.
double read_soft_cap(const JsonFields& fields, std::string_view name,
                     double fallback) {
  if (fallback < 0) return 0;
  if (!fields.mentions(name)) return fallback;
  const double cap = fields.number(name).value_or(0);
  if (fields.has(name) && cap <= 0) fields.reject(name, "a number above 0");
  return cap;
}

void read_switches(const JsonFields& fields, const FamilySwitches& switches,
                   ModelConfig& out) {
  const auto flag = [&](std::string_view name, bool read, bool fallback) {
    return read ? fields.boolean(name).value_or(fallback) : fallback;
  };
  out.norm_eps =
      fields.number("rms_norm_eps").value_or(switches.default_norm_eps);
  if (out.norm_eps <= 0) fields.reject("rms_norm_eps", "a number above 0");
  out.attention_bias = flag("attention_bias", switches.attention_bias, false);
  out.qkv_bias = switches.qkv_bias;
  out.norms = switches.norms;
  out.mlp_bias = flag("mlp_bias", switches.mlp_bias, false);
  out.tied_embeddings =
      flag("tie_word_embeddings", true, switches.default_tied);
  out.activation = read_activation(fields, switches);
  out.attention_soft_cap = read_soft_cap(fields, "attn_logit_softcapping",
                                         switches.attention_soft_cap);
  out.logit_soft_cap =
      read_soft_cap(fields, "final_logit_softcapping", switches.logit_soft_cap);
  if (switches.query_scalar > 0) {
    constexpr std::string_view kName = "query_pre_attn_scalar";
    out.query_scalar = fields.number(kName).value_or(
        static_cast<double>(switches.query_scalar));
    if (out.query_scalar <= 0) fields.reject(kName, "a number above 0");
  }
  if (switches.scaled_embedding) {
    out.embedding_scale = std::sqrt(static_cast<double>(out.hidden_size));
  }
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
  return find_family_or_null(model_type) != nullptr;
}

ModelConfig read_model_config(const std::filesystem::path& config_json) {
  const nlohmann::json object = read_object(config_json);
  ProblemList problems(kOperation, config_json);
  const JsonFields whole(object, "", problems);
  const LanguageModel model = find_language_model(object);
  const JsonFields fields(*model.object, model.prefix, problems);
  ModelConfig out;
  const Family& family = read_family(fields);
  out.model_type = family.model_type;
  check_architectures(whole);
  check_quantisation(whole);
  read_sizes(fields, family, out);
  if (problems.empty()) check_heads(fields, family, out);
  read_switches(fields, family.switches, out);
  if (!fields.mentions("tie_word_embeddings")) {
    out.tied_embeddings =
        whole.boolean("tie_word_embeddings").value_or(out.tied_embeddings);
  }
  read_rope_config(fields, family.switches, out);
  read_experts(fields, family.experts, out);
  if (problems.empty()) read_layer_traits(fields, family, out);
  out.dtype = read_dtype(fields);
  if (!out.dtype) out.dtype = read_dtype(whole);
  check_unsupported(fields, family);
  problems.throw_if_any();
  return out;
}

std::optional<std::string> read_family_type(
    const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "config.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  const nlohmann::json object = read_object(path);
  const auto type = type_of(*find_language_model(object).object);
  if (find_family_or_null(type) == nullptr) return std::nullopt;
  return std::string(type);
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
