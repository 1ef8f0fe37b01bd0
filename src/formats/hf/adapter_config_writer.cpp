// One value for all modules where PEFT's file has one field, patterns where it
// allows them; check_hf_expressible says what it cannot hold.
#include "formats/hf/adapter_config_writer_internal.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/hf_modules_internal.h"
#include "formats/hf/target_choice_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/match/plan.h"
#include "match/hf_parameter_internal.h"

namespace graft {
namespace {

using nlohmann::json;

// Integral values as integers, which more readers accept.
json number_json(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::floor(value) == value && std::abs(value) < kExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}
json number_json(std::int64_t value) { return value; }

// Mixed scaling rules cannot be said in one file: alpha is adjusted so that
// alpha / rank is the same scale.
void fold_scaling_rule(std::vector<AdaptedModule>& modules) {
  const auto is_rslora = [](const AdaptedModule& module) {
    return module.settings.rslora;
  };
  if (std::all_of(modules.begin(), modules.end(), is_rslora)) return;
  for (AdaptedModule& module : modules) {
    if (!module.settings.rslora) continue;
    module.settings.alpha =
        lora_scale(module.settings) * static_cast<double>(module.settings.rank);
    module.settings.rslora = false;
  }
}

// The value of a field for most modules, and keys for the others: the default
// is the value that would need most keys, then the most frequent, then the
// smallest.
template <typename Value>
struct Spread {
  Value common{};
  json keys = json::object();
};

template <typename Value, typename Get>
Spread<Value> spread_of(const std::vector<AdaptedModule>& modules, Get get) {
  std::map<Value, std::vector<std::string>> members;
  for (const AdaptedModule& module : modules) {
    members[get(module.settings)].push_back(module.path);
  }
  std::map<Value, std::vector<std::string>> keys;
  for (const auto& [value, paths] : members) {
    if (members.size() == 1) break;
    std::vector<std::string> rivals;
    for (const AdaptedModule& module : modules) {
      if (get(module.settings) != value) rivals.push_back(module.path);
    }
    keys[value] = choose_keys(paths, rivals);
  }
  const auto weight = [&](const auto& entry) {
    return std::pair(keys[entry.first].size(), entry.second.size());
  };
  Spread<Value> out;
  out.common = std::max_element(members.begin(), members.end(),
                                [&](const auto& a, const auto& b) {
                                  return weight(a) < weight(b);
                                })
                   ->first;
  for (const auto& [value, texts] : keys) {
    if (value == out.common) continue;
    for (const std::string& text : texts) out.keys[text] = number_json(value);
  }
  return out;
}

void add_sizes(const std::vector<AdaptedModule>& modules, json& config) {
  const auto rank = spread_of<std::int64_t>(
      modules, [](const AdapterSettings& s) { return s.rank; });
  const auto alpha = spread_of<double>(
      modules, [](const AdapterSettings& s) { return s.alpha; });
  config["r"] = rank.common;
  config["lora_alpha"] = number_json(alpha.common);
  config["rank_pattern"] = rank.keys;
  config["alpha_pattern"] = alpha.keys;
  const bool parameters = std::any_of(
      modules.begin(), modules.end(),
      [](const AdaptedModule& module) { return module.is_parameter; });
  config["lora_dropout"] = parameters ? 0.0 : modules.front().settings.dropout;
  config["use_rslora"] = modules.front().settings.rslora;
}

std::vector<std::string> sorted_paths(const std::vector<AdaptedModule>& modules,
                                      bool parameters) {
  std::vector<std::string> out;
  for (const AdaptedModule& module : modules) {
    if (module.is_parameter == parameters) out.push_back(module.path);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Neither excludes nor layers have a say on parameters. PEFT before 0.17 does
// not know the field.
void add_parameters(const std::vector<std::string>& paths,
                    const Inventory* inventory, json& config) {
  if (paths.empty()) return;
  if (inventory == nullptr) {
    config["target_parameters"] = paths;
    return;
  }
  std::vector<std::string> names;
  for (const HfParameter& parameter : hf_parameters(*inventory)) {
    names.push_back(parameter.path());
  }
  config["target_parameters"] = choose_endings(paths, names);
}

void add_targets(const std::vector<AdaptedModule>& modules,
                 const AdaptedModel& model, json& config) {
  add_parameters(sorted_paths(modules, true), model.inventory, config);
  const std::vector<std::string> paths = sorted_paths(modules, false);
  if (model.inventory == nullptr || paths.empty()) {
    config["target_modules"] = paths;
    return;
  }
  const bool as_layers = model.experts == ExpertLayout::kLayers;
  const TargetChoice choice =
      choose_targets(paths, hf_tree_names(*model.inventory, as_layers));
  if (choice.is_regex) {
    config["target_modules"] = choice.targets.front();
  } else {
    config["target_modules"] = choice.targets;
  }
  // Written only when needed: PEFT before 0.14 does not know the field.
  if (!choice.excludes.empty()) config["exclude_modules"] = choice.excludes;
  if (choice.layers.empty()) return;
  config["layers_to_transform"] = choice.layers;
  config["layers_pattern"] = json::array({choice.layers_pattern});
}

// Throws unless all sites agree on a field that the file holds once.
template <typename Get>
void require_one(const Plan& plan, const char* field, const char* hint,
                 Get get) {
  const Site& first = plan.sites.front();
  for (const Site& site : plan.sites) {
    if (get(site) == get(first)) continue;
    throw ConfigError(
        ErrorText{.operation = "adapter",
                  .what = "an adapter directory of HF PEFT holds one " +
                          std::string(field) + " for all modules",
                  .got = get(first) + " for '" + first.path() + "', " +
                         get(site) + " for '" + site.path() + "'",
                  .expected = "one value",
                  .hint = hint});
  }
}

std::string number_text(double value) { return number_json(value).dump(); }

}  // namespace

void check_hf_expressible(const Plan& plan) {
  refuse_unsupported_sites(plan, "adapter");
  if (plan.sites.empty()) return;
  require_one(plan, "adapter kind (use_dora)",
              "Train the kinds in runs of their own", [](const Site& site) {
                const bool dora = site.adapter.kind == AdapterKind::kDora;
                return std::string(dora ? "dora" : "lora");
              });
  // Beside adapters on parameters PEFT has no dropout, and the file none.
  const bool parameters =
      expert_layout(plan, ExpertLayout::kAuto) == ExpertLayout::kParameters &&
      std::any_of(plan.sites.begin(), plan.sites.end(),
                  [](const Site& site) { return !site.hf_parameter.empty(); });
  if (!parameters) {
    require_one(
        plan, "dropout (lora_dropout)", "Give every rule one dropout",
        [](const Site& site) { return number_text(site.adapter.dropout); });
  }
  if (plan.sites.front().adapter.kind == AdapterKind::kDora) {
    throw ConfigError(
        ErrorText{.operation = "adapter",
                  .what = "'" + plan.sites.front().path() +
                          "': DoRA adapters cannot be written yet"});
  }
}

std::string adapter_config_text(std::vector<AdaptedModule> modules,
                                const AdaptedModel& model,
                                const std::string& base_model) {
  fold_scaling_rule(modules);
  json config = {
      {"auto_mapping", nullptr},
      {"base_model_name_or_path", nullptr},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", nullptr},
      {"layers_to_transform", nullptr},
      {"modules_to_save", nullptr},
      {"peft_type", "LORA"},
      {"revision", nullptr},
      {"task_type", "CAUSAL_LM"},
      {"use_dora", false},
  };
  if (!base_model.empty()) config["base_model_name_or_path"] = base_model;
  add_targets(modules, model, config);
  add_sizes(modules, config);
  return config.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace graft
