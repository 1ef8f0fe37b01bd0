// Separate adapters for the parts of fused layers. Entry point: CanonicalLora.
#include <algorithm>
#include <array>
#include <utility>

#include "graft/base/error.h"
#include "graft/peft/expert_names.h"
#include "graft/peft/lora.h"

namespace graft {
namespace {

struct ComponentRow {
  std::string_view component;
  std::string_view fused;
};

constexpr std::array<ComponentRow, 5> kComponents{{
    {"linear_q", "linear_qkv"},
    {"linear_k", "linear_qkv"},
    {"linear_v", "linear_qkv"},
    {"linear_fc1_up", "linear_fc1"},
    {"linear_fc1_gate", "linear_fc1"},
}};

void refuse_fused(std::string_view target) {
  if (target.ends_with("linear_qkv")) {
    throw ConfigError(
        "Canonical LoRA does not support target 'linear_qkv'. Either use "
        "'linear_qkv' with LoRA() or use ['linear_q', 'linear_k', "
        "'linear_v'] with Canonical LoRA");
  }
  if (target.ends_with("linear_fc1")) {
    throw ConfigError(
        "Canonical LoRA does not support target 'linear_fc1'. Either use "
        "'linear_fc1' with LoRA() or use ['linear_fc1_up', "
        "'linear_fc1_gate'] with Canonical LoRA");
  }
}

const ComponentRow* component_row_or_null(std::string_view target) {
  for (const ComponentRow& row : kComponents) {
    if (target.ends_with(row.component)) return &row;
  }
  return nullptr;
}

// The pattern that a target matches by: its ending becomes the fused layer's
// name. The reference replaces every occurrence of the component.
std::string fused_pattern(std::string text, const ComponentRow& row,
                          PatternSyntax syntax) {
  if (syntax != PatternSyntax::kMegatron) {
    text.resize(text.size() - row.component.size());
    return text += row.fused;
  }
  for (std::size_t at = text.find(row.component); at != text.npos;
       at = text.find(row.component, at + row.fused.size())) {
    text.replace(at, row.component.size(), row.fused);
  }
  return text;
}

bool names_parts(const ModuleInfo& info,
                 const std::set<std::string>& components) {
  return std::any_of(info.parts.begin(), info.parts.end(),
                     [&](const ModulePart& part) {
                       return components.count(part.component) > 0;
                     });
}

bool asks_for_component(const std::set<std::string>& components) {
  return std::any_of(
      components.begin(), components.end(), [](const std::string& name) {
        return std::any_of(
            kComponents.begin(), kComponents.end(),
            [&](const ComponentRow& row) { return row.component == name; });
      });
}

}  // namespace

CanonicalLora::CanonicalLora()
    : CanonicalLora({"linear_q", "linear_k", "linear_v", "linear_proj",
                     "linear_fc1_up", "linear_fc1_gate", "linear_fc2"}) {}

CanonicalLora::CanonicalLora(std::vector<std::string> targets) {
  target_modules = std::move(targets);
  CanonicalLora::init_target_match_state();
}

void CanonicalLora::init_target_match_state() {
  Peft::init_target_match_state();
  canonical_mapping = {};
  if (!target_modules) return;
  for (const std::string& target : *target_modules) {
    refuse_fused(target);
    const ComponentRow* row = component_row_or_null(target);
    const std::string pattern =
        row == nullptr ? target : fused_pattern(target, *row, syntax);
    canonical_mapping[pattern].insert(
        row == nullptr ? target : std::string(row->component));
    register_target_alias(target, pattern);
  }
}

std::vector<Site> CanonicalLora::sites_of(const ModuleInfo& info,
                                          const Match& match) {
  std::set<std::string> components;
  const auto entry = canonical_mapping.find(match.pattern.value_or(""));
  if (entry != canonical_mapping.end()) components = entry->second;
  const Site whole = make_site(info, match, AdapterKind::kCanonicalLora);
  if (info.parts.empty()) {
    const bool needs_parts = asks_for_component(components) &&
                             info.kind != LayerKind::kLinear &&
                             !keeps_fc1_whole(info.path);
    if (needs_parts) {
      throw ConfigError(
          ErrorText{"canonical_lora",
                    "'" + info.path + "' does not say its parts",
                    {},
                    {},
                    "Call set_components on the slot, or use lora."});
    }
    return {whole};
  }
  // A target that names no part of a fused layer means all of them.
  const bool all = !names_parts(info, components);
  std::vector<Site> sites;
  for (const ModulePart& part : info.parts) {
    if (!all && components.count(part.component) == 0) continue;
    Site site = whole;
    site.component = part.component;
    site.rows = part.rows;
    sites.push_back(std::move(site));
  }
  return sites;
}

}  // namespace graft
