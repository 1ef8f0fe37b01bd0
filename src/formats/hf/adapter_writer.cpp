// Writes a PEFT directory: one pair of tensors per HF module and a config
// that selects exactly these modules. Entry point: write_hf_adapter.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/hf_modules_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/atomic_output.h"
#include "graft/io/safetensors_writer.h"

namespace graft {
namespace {

constexpr char kOperation[] = "save adapter";

// Mixed scaling rules cannot be said in one file: alpha is adjusted so that
// alpha / rank is the same scale.
void fold_scaling_rule(std::vector<HfModule>& modules) {
  const auto is_rslora = [](const HfModule& module) {
    return module.settings.rslora;
  };
  if (std::all_of(modules.begin(), modules.end(), is_rslora)) return;
  for (HfModule& module : modules) {
    if (!module.settings.rslora) continue;
    module.settings.alpha =
        lora_scale(module.settings) * static_cast<double>(module.settings.rank);
    module.settings.rslora = false;
  }
}

// The smallest of the most frequent values.
template <typename Value, typename Get>
Value most_common(const std::vector<HfModule>& modules, Get get) {
  std::map<Value, std::size_t> counts;
  for (const HfModule& module : modules) ++counts[get(module.settings)];
  return std::max_element(
             counts.begin(), counts.end(),
             [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

// Integral values as integers, which more readers accept.
nlohmann::json number_json(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::floor(value) == value && std::abs(value) < kExact) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

std::vector<std::string> sorted(const std::set<std::string>& names) {
  return {names.begin(), names.end()};
}

// Last components where they select the adapted modules and no others, full
// paths otherwise.
std::vector<std::string> choose_targets(const std::vector<HfModule>& modules,
                                        const Inventory* inventory) {
  std::set<std::string> paths;
  std::set<std::string> short_names;
  for (const HfModule& module : modules) {
    paths.insert(module.path);
    short_names.insert(last_component(module.path));
  }
  if (inventory == nullptr) return sorted(paths);
  for (const std::string& name : hf_module_names(*inventory)) {
    if (paths.contains(name)) continue;
    for (const std::string& entry : short_names) {
      if (is_named_by(name, entry)) return sorted(paths);
    }
  }
  return sorted(short_names);
}

nlohmann::json base_model_json(const AdapterFile& adapter,
                               const HfAdapterOptions& options) {
  if (!options.base_model.empty()) return options.base_model;
  if (adapter.base_model) return *adapter.base_model;
  return nullptr;
}

void add_sizes(const std::vector<HfModule>& modules, nlohmann::json& config) {
  const auto rank = most_common<std::int64_t>(
      modules, [](const AdapterSettings& s) { return s.rank; });
  const auto alpha = most_common<double>(
      modules, [](const AdapterSettings& s) { return s.alpha; });
  nlohmann::json ranks = nlohmann::json::object();
  nlohmann::json alphas = nlohmann::json::object();
  for (const HfModule& module : modules) {
    const std::string key = exact_pattern(module.path);
    if (module.settings.rank != rank) ranks[key] = module.settings.rank;
    if (module.settings.alpha != alpha) {
      alphas[key] = number_json(module.settings.alpha);
    }
  }
  config["r"] = rank;
  config["lora_alpha"] = number_json(alpha);
  config["rank_pattern"] = std::move(ranks);
  config["alpha_pattern"] = std::move(alphas);
  config["lora_dropout"] = most_common<double>(
      modules, [](const AdapterSettings& s) { return s.dropout; });
  config["use_rslora"] = modules.front().settings.rslora;
}

std::string make_config(const std::vector<HfModule>& modules,
                        const AdapterFile& adapter,
                        const HfAdapterOptions& options) {
  nlohmann::json config = {
      {"auto_mapping", nullptr},
      {"base_model_name_or_path", base_model_json(adapter, options)},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"layers_pattern", nullptr},
      {"layers_to_transform", nullptr},
      {"modules_to_save", nullptr},
      {"peft_type", "LORA"},
      {"revision", nullptr},
      {"target_modules", choose_targets(modules, options.inventory)},
      {"task_type", "CAUSAL_LM"},
      {"use_dora", false},
  };
  add_sizes(modules, config);
  return config.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace

void write_hf_adapter(const std::filesystem::path& directory,
                      const AdapterFile& adapter,
                      const HfAdapterOptions& options) {
  std::vector<HfModule> modules = split_by_hf_module(
      adapter, {kOperation, options.dtype, options.allow_zero});
  fold_scaling_rule(modules);
  const std::string config = make_config(modules, adapter, options);
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const HfModule& module : modules) {
    tensors.emplace_back(lora_a_name(module.path), module.a);
    tensors.emplace_back(lora_b_name(module.path), module.b);
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw SystemError({.operation = kOperation,
                       .what = "cannot create " + directory.string(),
                       .got = error.message()});
  }
  save_safetensors(directory / kAdapterWeightsName, std::move(tensors));
  write_file_atomically(directory / kAdapterConfigName, config);
}

}  // namespace graft
