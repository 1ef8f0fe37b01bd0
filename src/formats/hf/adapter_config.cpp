// Reads adapter_config.json: what PEFT's fields mean for graft is in the
// tables at the top. Entry point: read_adapter_config.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "formats/hf/adapter_config_internal.h"
#include "formats/hf/json_fields_internal.h"
#include "graft/base/error.h"
#include "io/json_file_internal.h"
#include "match/peft_defaults_internal.h"

namespace graft {
namespace {

constexpr char kOperation[] = "adapter";
constexpr std::int64_t kDefaultRank = 8;    // PEFT's, not graft's
constexpr double kDefaultAlpha = 8.0;       // PEFT's
constexpr std::int64_t kMaxRank = 1 << 20;  // far above any layer's width

// Fields that make the adapter another kind as soon as they are set.
struct KindField {
  std::string_view name;
  std::string_view kind;
};
constexpr std::array<KindField, 14> kUnsupported = {{
    {"use_dora", "DoRA"},
    {"lora_bias", "a bias on B (lora_bias)"},
    {"modules_to_save", "full copies of modules (modules_to_save)"},
    {"trainable_token_indices", "trainable tokens"},
    {"layer_replication", "layer replication"},
    {"use_qalora", "QA-LoRA"},
    {"alora_invocation_tokens", "activated LoRA (aLoRA)"},
    {"use_bdlora", "block-diagonal LoRA (BD-LoRA)"},
    {"arrow_config", "Arrow routing"},
    {"velora_config", "VeLoRA"},
    {"monteclora_config", "MonteCLoRA"},
    {"kasa_config", "KaSA"},
    {"megatron_config", "Megatron layers (megatron_config)"},
    {"enable_lora", "partly adapted fused layers (enable_lora)"},
}};

// Everything else that PEFT 0.21 writes: read below, or without effect on a
// finished adapter.
constexpr std::array<std::string_view, 29> kKnown = {"peft_type",
                                                     "task_type",
                                                     "auto_mapping",
                                                     "peft_version",
                                                     "base_model_name_or_path",
                                                     "revision",
                                                     "inference_mode",
                                                     "r",
                                                     "target_modules",
                                                     "target_parameters",
                                                     "exclude_modules",
                                                     "lora_alpha",
                                                     "lora_dropout",
                                                     "fan_in_fan_out",
                                                     "bias",
                                                     "use_rslora",
                                                     "init_lora_weights",
                                                     "layers_to_transform",
                                                     "layers_pattern",
                                                     "rank_pattern",
                                                     "alpha_pattern",
                                                     "megatron_core",
                                                     "loftq_config",
                                                     "eva_config",
                                                     "corda_config",
                                                     "lora_ga_config",
                                                     "qalora_group_size",
                                                     "ensure_weight_tying",
                                                     "merge_weights"};

// Initialisations that take the adapter's start out of the base weights, so
// that the file is meaningless on the original base.
constexpr std::array<std::string_view, 5> kBaseChanging = {
    "pissa", "olora", "loftq", "corda", "lora_ga"};
constexpr std::array<std::string_view, 4> kHarmlessInits = {
    "gaussian", "eva", "orthogonal", "mica"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Neither null, false, zero, nor empty.
bool is_set(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  return !value.empty();
}

void check_method(const JsonFields& fields) {
  const auto type = fields.text("peft_type");
  if (!fields.has("peft_type")) {
    fields.reject("peft_type", "\"LORA\"");
  } else if (type && *type != "LORA") {
    fields.reject("peft_type", "\"LORA\", the one method graft reads");
  }
}

void check_kinds(const JsonFields& fields) {
  for (const KindField& field : kUnsupported) {
    const nlohmann::json* value = fields.find_or_null(field.name);
    if (value == nullptr || !is_set(*value)) continue;
    fields.problems().add("'" + std::string(field.name) +
                          "' is set: graft does not support " +
                          std::string(field.kind) + " yet");
  }
  const std::string bias = fields.text("bias").value_or("none");
  if (bias != "none") {
    fields.problems().add("'bias' is " + printable(bias) +
                          ": graft does not support trained biases yet");
  }
}

AdapterInit read_init(const JsonFields& fields) {
  const nlohmann::json* value = fields.find_or_null("init_lora_weights");
  if (value == nullptr || value->is_boolean()) return AdapterInit::kKaiming;
  const std::string name = fields.text("init_lora_weights").value_or("true");
  for (std::string_view changing : kBaseChanging) {
    if (!name.starts_with(changing)) continue;
    fields.problems().add(
        "'init_lora_weights' is " + printable(name) +
        ": such an adapter belongs to a changed base; convert it with "
        "PEFT's path_initial_model_for_weight_conversion first");
    return AdapterInit::kKaiming;
  }
  if (!contains(kHarmlessInits, name) && name != "true") {
    fields.reject("init_lora_weights", "a known initialisation");
  }
  return name == "gaussian" ? AdapterInit::kGaussian : AdapterInit::kKaiming;
}

AdapterSettings read_settings(const JsonFields& fields) {
  AdapterSettings out;
  out.rank = fields.integer("r").value_or(kDefaultRank);
  if (out.rank < 1 || out.rank > kMaxRank) {
    fields.reject("r", "an integer from 1 to 1048576");
  }
  out.alpha = fields.number("lora_alpha").value_or(kDefaultAlpha);
  out.rslora = fields.boolean("use_rslora").value_or(false);
  out.dropout = fields.number("lora_dropout").value_or(0.0);
  if (out.dropout < 0.0 || out.dropout >= 1.0) {
    fields.reject("lora_dropout", "a number from 0 up to, not including, 1");
  }
  out.init = read_init(fields);
  return out;
}

// A string is a regular expression, a list holds names.
std::vector<std::string> read_names(const JsonFields& fields,
                                    std::string_view name, bool& is_regex) {
  const nlohmann::json* value = fields.find_or_null(name);
  if (value == nullptr) return {};
  if (value->is_string()) {
    is_regex = true;
    return {value->get<std::string>()};
  }
  return fields.texts(name).value_or(std::vector<std::string>{});
}

void read_targets(const JsonFields& fields,
                  const std::optional<std::string>& model_type, Rule& rule) {
  rule.targets = read_names(fields, "target_modules", rule.peft.targets_regex);
  rule.excludes =
      read_names(fields, "exclude_modules", rule.peft.excludes_regex);
  if (const auto names = fields.texts("target_parameters")) {
    rule.peft.target_parameters = *names;
  }
  const bool parameters = !rule.peft.target_parameters.empty();
  if (fields.has("target_modules")) {
    rule.peft.targets_listed = true;
    if (rule.targets.empty() && !parameters) {
      fields.reject("target_modules", "at least one name");
    }
    return;
  }
  // Beside parameters it depends on the model: the selection knows.
  if (parameters) return;
  rule.written_by_person = false;
  if (const PeftDefaults* defaults =
          peft_defaults_or_null(model_type.value_or(""))) {
    rule.targets = defaults->targets;
    rule.peft.targets_regex = defaults->regex;
    return;
  }
  fields.reject("target_modules",
                "names: there is no default for model type '" +
                    printable(model_type.value_or("unknown")) + "'");
}

void read_layers(const JsonFields& fields, PeftFields& out) {
  const nlohmann::json* layers = fields.find_or_null("layers_to_transform");
  if (layers != nullptr) {
    if (layers->is_array()) {
      out.layers_to_transform = fields.integers("layers_to_transform");
    } else if (const auto one = fields.integer("layers_to_transform")) {
      out.layers_to_transform = {{*one}};
    }
    // PEFT takes an empty list for an absent one.
    if (out.layers_to_transform && out.layers_to_transform->empty()) {
      out.layers_to_transform.reset();
    }
  }
  bool single = false;
  out.layers_pattern = read_names(fields, "layers_pattern", single);
}

// The maps keep the file's order, in which the first key that hits wins.
void read_patterns(const std::filesystem::path& file, const JsonFields& fields,
                   PeftFields& out) {
  for (const char* name : {"rank_pattern", "alpha_pattern"}) {
    const nlohmann::json* map = fields.find_or_null(name);
    if (map == nullptr || map->empty()) continue;
    if (!map->is_object()) {
      fields.reject(name, "an object");
      continue;
    }
    const JsonFields values(*map, std::string(name) + ".", fields.problems());
    const nlohmann::ordered_json ordered =
        parse_ordered_json_file(file, kOperation);
    for (const auto& [key, value] : ordered.at(name).items()) {
      if (std::string_view(name) == "rank_pattern") {
        const auto rank = values.integer(key);
        if (!rank || *rank < 1 || *rank > kMaxRank) {
          values.reject(key, "an integer from 1 to 1048576");
        }
        out.rank_pattern.emplace_back(key, rank.value_or(1));
      } else {
        if (!values.has(key)) values.reject(key, "a number");
        out.alpha_pattern.emplace_back(key, values.number(key).value_or(1.0));
      }
    }
  }
}

std::vector<std::string> collect_warnings(const nlohmann::json& object,
                                          const JsonFields& fields) {
  std::vector<std::string> out;
  std::string unknown;
  for (const auto& [name, value] : object.items()) {
    const bool kind = std::any_of(
        kUnsupported.begin(), kUnsupported.end(),
        [&key = name](const KindField& field) { return field.name == key; });
    if (kind || contains(kKnown, name)) continue;
    unknown += (unknown.empty() ? "'" : ", '") + printable(name) + "'";
  }
  if (!unknown.empty()) {
    out.push_back("adapter_config.json has fields that graft does not know, " +
                  unknown + ": a newer writer? They are ignored.");
  }
  if (fields.boolean("fan_in_fan_out").value_or(false)) {
    out.push_back(
        "adapter_config.json says fan_in_fan_out, which does not apply to "
        "linear layers. It is ignored, as PEFT does.");
  }
  return out;
}

}  // namespace

HfAdapterConfig read_adapter_config(
    const std::filesystem::path& file,
    const std::optional<std::string>& model_type) {
  const nlohmann::json object = parse_json_file(file, kOperation);
  ProblemList problems(kOperation, file);
  if (!object.is_object()) {
    problems.add("got " + json_summary(object) + ", expected a JSON object");
    problems.throw_if_any();
  }
  const JsonFields fields(object, "", problems);
  check_method(fields);
  problems.throw_if_any();
  check_kinds(fields);
  HfAdapterConfig out;
  out.rule.syntax = PatternSyntax::kPeft;
  out.rule.adapter = read_settings(fields);
  read_targets(fields, model_type, out.rule);
  read_layers(fields, out.rule.peft);
  read_patterns(file, fields, out.rule.peft);
  out.ensure_weight_tying =
      fields.boolean("ensure_weight_tying").value_or(false);
  out.base_model = fields.text("base_model_name_or_path");
  out.warnings = collect_warnings(object, fields);
  problems.throw_if_any();
  return out;
}

}  // namespace graft
