// Reads models and settings of the peft_selection vectors.
#include "support/peft_run.h"

#include <map>
#include <set>
#include <utility>

namespace graft::test {
namespace {

LayerKind kind_of(const std::string& kind) {
  static const std::map<std::string, LayerKind> kinds{
      {"linear", LayerKind::kLinear},
      {"linear_subclass", LayerKind::kLinear},
      {"conv1d_hf", LayerKind::kLinear},  // a linear stored transposed
      {"embedding", LayerKind::kEmbedding},
      {"norm", LayerKind::kNorm},
      {"conv1d", LayerKind::kConv1d},
      {"conv2d", LayerKind::kConv2d},
      {"conv3d", LayerKind::kConv2d},
      {"module_list", LayerKind::kModuleList},
      {"module_dict", LayerKind::kModuleDict},
      {"sequential", LayerKind::kSequential}};
  const auto found = kinds.find(kind);
  return found == kinds.end() ? LayerKind::kContainer : found->second;
}

std::string text_or(const Json& object, const char* key) {
  const auto found = object.find(key);
  const bool text = found != object.end() && found->is_string();
  return text ? found->get<std::string>() : "";
}

bool is_classification(const Json& config) {
  const std::string task = text_or(config, "task_type");
  return task == "SEQ_CLS" || task == "TOKEN_CLS";
}

// The module that all-linear leaves out.
std::string head_of(const Json& model, const Json& config) {
  if (!model.at("is_hf_model").get<bool>()) return "";
  const std::string head = text_or(model, "output_embedding");
  if (!head.empty() || text_or(config, "task_type") != "SEQ_CLS") return head;
  for (const std::string name : {"score", "classifier"}) {
    for (const auto& module : model.at("modules")) {
      if (module[0] == name) return name;
    }
  }
  return "";
}

std::vector<std::string> texts(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return {value.get<std::string>()};
  return value.get<std::vector<std::string>>();
}

void add_parameters(const Json& model, Inventory& inventory) {
  // Their experts are (experts, in, out), as formats tells too.
  static const std::set<std::string> transposed{"gpt_oss", "aria", "aria_text",
                                                "openai_privacy_filter"};
  const bool is_transposed =
      transposed.contains(inventory.model_type.value_or(""));
  for (const auto& parameter : model.value("other_parameters", Json::array())) {
    inventory.parameters.push_back({parameter[0], parameter[1], is_transposed});
  }
}

template <typename Value>
std::vector<std::pair<std::string, Value>> pairs(const Json& config,
                                                 const char* key) {
  std::vector<std::pair<std::string, Value>> out;
  if (!config.contains(key) || config.at(key).is_null()) return out;
  for (const auto& [name, value] : config.at(key).items()) {
    out.emplace_back(name, value.template get<Value>());
  }
  return out;
}

}  // namespace

Inventory make_hf_inventory(const Json& model, const Json& config) {
  Inventory inventory;
  const std::string type = text_or(model, "model_type");
  if (!type.empty()) inventory.model_type = type;
  const std::string head = head_of(model, config);
  std::map<std::string, std::size_t> index;
  for (const auto& module : model.at("modules")) {
    ModuleInfo info;
    info.path = module[0];
    info.kind = kind_of(module[1]);
    info.in = module[2];
    info.out = module[3];
    info.output_head = !head.empty() && info.path == head;
    info.transposed = module[1] == "conv1d_hf";
    // Hand-made linear layers have a bias; of the others it is not recorded.
    info.has_bias =
        !model.at("is_hf_model").get<bool>() && info.kind == LayerKind::kLinear;
    if (module.size() > 4) info.same_as = index.at(module[4]);
    index[info.path] = inventory.modules.size();
    inventory.modules.push_back(std::move(info));
  }
  add_parameters(model, inventory);
  return inventory;
}

Inventory make_fused_inventory(const Inventory& hf) {
  static const std::map<std::string, std::pair<std::string, std::string>> fused{
      {"q_proj", {"linear_qkv", "linear_q"}},
      {"k_proj", {"linear_qkv", "linear_k"}},
      {"v_proj", {"linear_qkv", "linear_v"}},
      {"gate_proj", {"linear_fc1", "linear_fc1_gate"}},
      {"up_proj", {"linear_fc1", "linear_fc1_up"}}};
  Inventory out;
  out.model_type = hf.model_type;
  out.has_family_table = true;
  out.parameters = hf.parameters;
  std::set<std::string> holders;
  for (const ParameterInfo& info : hf.parameters) {
    holders.insert(info.path.substr(0, info.path.rfind('.')));
  }
  for (const ModuleInfo& info : hf.modules) {
    if (info.in == 0 && !holders.contains(info.path)) continue;
    const auto found = fused.find(std::string(info.name()));
    ModuleInfo unit = info;
    unit.parts = {{info.path, "", {0, info.out}}};
    unit.path = "runtime." + info.path;
    if (found == fused.end()) {
      out.modules.push_back(std::move(unit));
      continue;
    }
    const std::string parent =
        unit.path.substr(0, unit.path.rfind('.') + 1) + found->second.first;
    if (out.modules.empty() || out.modules.back().path != parent) {
      unit.path = parent;
      unit.out = 0;
      unit.parts.clear();
      out.modules.push_back(std::move(unit));
    }
    ModuleInfo& layer = out.modules.back();
    layer.parts.push_back(
        {info.path, found->second.second, {layer.out, layer.out + info.out}});
    layer.out += info.out;
  }
  return out;
}

bool takes_adapters(const std::string& kind) {
  return kind_of(kind) == LayerKind::kLinear;
}

std::string outside_reason(const Json& run) {
  const Json& config = run.at("config");
  if (config.value("lora_bias", false)) return "lora_bias is no part of a Rule";
  const Json parameters = config.value("target_parameters", Json());
  if (parameters.is_string()) return "target_parameters is no list";
  const bool any = !parameters.is_null() && !parameters.empty();
  if (any && config.value("fan_in_fan_out", false)) {
    return "fan_in_fan_out is no part of a Rule";
  }
  return "";
}

Rule make_peft_rule(const Json& config) {
  const auto value = [&config](const char* key) {
    return config.contains(key) ? config.at(key) : Json();
  };
  Rule rule;
  rule.syntax = PatternSyntax::kPeft;
  rule.targets = texts(value("target_modules"));
  rule.peft.targets_listed = value("target_modules").is_array();
  rule.peft.targets_regex = value("target_modules").is_string();
  rule.excludes = texts(value("exclude_modules"));
  rule.peft.excludes_regex =
      value("exclude_modules").is_string() && rule.excludes[0] != "";
  const Json layers = value("layers_to_transform");
  if (layers.is_number()) {
    rule.peft.layers_to_transform = {{layers.get<std::int64_t>()}};
  } else if (layers.is_array()) {
    rule.peft.layers_to_transform = layers.get<std::vector<std::int64_t>>();
  }
  rule.peft.layers_pattern = texts(value("layers_pattern"));
  if (value("layers_pattern") == "") rule.peft.layers_pattern.clear();
  rule.peft.rank_pattern = pairs<std::int64_t>(config, "rank_pattern");
  rule.peft.alpha_pattern = pairs<double>(config, "alpha_pattern");
  rule.peft.modules_to_save = texts(value("modules_to_save"));
  if (is_classification(config)) {
    rule.peft.modules_to_save.push_back("classifier");
    rule.peft.modules_to_save.push_back("score");
  }
  const Json parameters = value("target_parameters");
  if (parameters.is_array()) rule.peft.target_parameters = texts(parameters);
  rule.adapter.dropout = config.value("lora_dropout", 0.0);
  if (config.value("use_dora", false)) rule.adapter.kind = AdapterKind::kDora;
  rule.adapter.rank = config.value("r", std::int64_t{8});
  rule.adapter.alpha = config.value("lora_alpha", 8.0);
  rule.adapter.rslora = config.value("use_rslora", false);
  return rule;
}

}  // namespace graft::test
