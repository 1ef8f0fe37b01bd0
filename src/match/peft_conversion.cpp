// The tables are PEFT 0.21's for transformers 5; tests/oracle compares them.
#include "match/peft_conversion_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "match/component_path_internal.h"
#include "match/hf_parameter_internal.h"
#include "match/peft_targets_internal.h"

namespace graft {
namespace {

constexpr std::string_view kFused = "gate_up_proj";

constexpr ExpertWords kMixtral{{{{"gate", "gate.weight"},
                                 {"w1", kFused},
                                 {"w3", kFused},
                                 {"w2", "down_proj"}}},
                               {"w1", "w3"}};
constexpr ExpertWords kQwen2Moe{{{{"gate", "gate.weight"},
                                  {"gate_proj", kFused},
                                  {"up_proj", kFused},
                                  {"down_proj", "down_proj"}}},
                                {"gate_proj", "up_proj"}};

constexpr std::array<std::string_view, 3> kMixtralTypes{"minimax", "minimax_m2",
                                                        "mixtral"};
constexpr std::array<std::string_view, 24> kQwen2MoeTypes{
    "afmoe",
    "beam",
    "cohere2_moe",
    "deepseek_v2",
    "deepseek_v3",
    "deepseek_v32",
    "dots1",
    "ernie4_5_moe",
    "exaone_moe",
    "flex_olmo",
    "glm4_moe",
    "glm4_moe_lite",
    "glm4v_moe",
    "glm_moe_dsa",
    "hunyuan_v1_moe",
    "longcat_flash",
    "mellum",
    "olmoe",
    "qwen3_moe",
    "qwen3_next",
    "qwen3_omni_moe",
    "qwen3_omni_moe_text",
    "qwen3_omni_moe_thinker",
    "solar_open"};

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_named_by(std::string_view path, std::string_view name) {
  return path == name || (path.ends_with(name) && path.size() > name.size() &&
                          path[path.size() - name.size() - 1] == '.');
}

void add_entry(std::vector<PeftEntry>& entries, std::string_view text,
               const std::vector<std::size_t>& sources) {
  const auto found =
      std::find_if(entries.begin(), entries.end(),
                   [&](const PeftEntry& entry) { return entry.text == text; });
  if (found == entries.end()) {
    entries.push_back({std::string(text), sources});
  } else {
    found->sources.insert(found->sources.end(), sources.begin(), sources.end());
  }
}

const ExpertWords::Row* row_or_null(const ExpertWords& words,
                                    std::string_view target) {
  for (const ExpertWords::Row& row : words.rows) {
    if (is_named_by(target, row.layer)) return &row;
  }
  return nullptr;
}

[[noreturn]] void refuse_half(std::string_view half, std::string_view other) {
  throw ConfigError(
      ErrorText{.operation = "match",
                .what = "target '" + std::string(half) +
                        "' cannot be adapted without '" + std::string(other) +
                        "': the model holds both as " + std::string(kFused)});
}

}  // namespace

const ExpertWords* expert_words_or_null(const Inventory& inventory) {
  const std::string type = inventory.model_type.value_or("");
  const bool packed =
      std::any_of(inventory.parameters.begin(), inventory.parameters.end(),
                  [](const auto& info) { return info.shape.size() == 3; });
  const bool by_table =
      std::any_of(inventory.modules.begin(), inventory.modules.end(),
                  [](const auto& info) { return !info.hf_parameter.empty(); });
  if (!packed && !by_table) return nullptr;
  if (contains(kMixtralTypes, type)) return &kMixtral;
  return contains(kQwen2MoeTypes, type) ? &kQwen2Moe : nullptr;
}

PeftEntries convert_expert_targets(const ExpertWords& words,
                                   PeftEntries entries) {
  PeftEntries out;
  out.parameters = std::move(entries.parameters);
  std::set<std::string_view> halves;
  for (const PeftEntry& entry : entries.modules) {
    const ExpertWords::Row* row = row_or_null(words, entry.text);
    if (row == nullptr) {
      add_entry(out.modules, entry.text, entry.sources);
      continue;
    }
    add_entry(out.parameters, row->parameter, entry.sources);
    if (row->parameter == kFused) halves.insert(row->layer);
  }
  const auto [first, second] = std::pair(words.fused[0], words.fused[1]);
  if (halves.size() == 1) {
    const bool has_first = halves.count(first) > 0;
    refuse_half(has_first ? first : second, has_first ? second : first);
  }
  if (halves.size() == 2) out.fused.emplace_back(kFused);
  return out;
}

std::vector<std::string> resolve_string_target(const ExpertWords& words,
                                               const Inventory& inventory,
                                               const PathPredicate& selects) {
  std::set<std::string> names;
  const auto try_path = [&](std::string_view path) {
    if (selects(path)) names.emplace(last_component(path));
  };
  for (const std::string& path : hf_names(inventory)) try_path(path);
  const std::vector<HfParameter> parameters = hf_parameters(inventory);
  for (const HfParameter& parameter : parameters) try_path(parameter.path());
  for (const ExpertWords::Row& row : words.rows) {
    for (const HfParameter& parameter : parameters) {
      if (parameter.name != row.parameter) continue;
      std::string path(parameter.module_path);
      try_path(path.append(".").append(row.layer));
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace graft
