// Counts names and tries entries on them.
#include "match/name_census_internal.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "match/component_path_internal.h"

namespace graft {
namespace {

std::optional<NamePattern> try_pattern(const std::string& entry,
                                       PatternSyntax syntax) {
  try {
    switch (syntax) {
      case PatternSyntax::kGlob:
        return NamePattern::glob(entry);
      case PatternSyntax::kMegatron:
        return NamePattern::megatron(entry);
      case PatternSyntax::kPeft:
        return NamePattern::peft_suffix(entry);
    }
  } catch (const ConfigError&) {
    // A suggestion that does not parse is no suggestion.
  }
  return std::nullopt;
}

bool is_hit(const NamePattern& pattern, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return last_component(name) == pattern.text() || pattern.matches(name);
  });
}

}  // namespace

NameCensus::NameCensus(const Inventory& inventory, PatternSyntax syntax)
    : syntax_(syntax) {
  const bool runtime_names =
      syntax != PatternSyntax::kPeft || !inventory.has_family_table;
  for (const ModuleInfo& info : inventory.modules) {
    if (info.same_as) continue;
    Named whole{{}, info.kind};
    if (runtime_names) whole.names.push_back(info.path);
    std::vector<Named> parts;
    for (const ModulePart& part : info.parts) {
      if (part.component.empty()) {
        whole.names.push_back(part.path);
        continue;
      }
      parts.push_back({{part.path}, info.kind});
      if (!runtime_names) continue;
      parts.back().names.push_back(component_path(info.path, part.component));
    }
    if (!whole.names.empty()) add(std::move(whole));
    for (Named& part : parts) add(std::move(part));
  }
}

void NameCensus::add(Named named) {
  if (!is_linear_kind(named.kind, true)) {
    others_.push_back(std::move(named));
    return;
  }
  std::vector<std::string> lasts;
  for (const std::string& name : named.names) {
    std::string last(last_component(name));
    if (std::find(lasts.begin(), lasts.end(), last) == lasts.end()) {
      lasts.push_back(std::move(last));
    }
  }
  for (const std::string& last : lasts) {
    if (counts_[last]++ == 0) last_names_.push_back(last);
  }
  linears_.push_back(std::move(named));
}

std::size_t NameCensus::count(const std::string& last_name) const {
  const auto found = counts_.find(last_name);
  return found == counts_.end() ? 0 : found->second;
}

std::size_t NameCensus::hits(const std::string& entry) const {
  const std::optional<NamePattern> pattern = try_pattern(entry, syntax_);
  if (!pattern) return 0;
  return static_cast<std::size_t>(std::count_if(
      linears_.begin(), linears_.end(),
      [&](const Named& named) { return is_hit(*pattern, named.names); }));
}

std::map<LayerKind, std::size_t> NameCensus::other_kinds(
    const std::string& entry) const {
  std::map<LayerKind, std::size_t> kinds;
  const std::optional<NamePattern> pattern = try_pattern(entry, syntax_);
  if (!pattern) return kinds;
  for (const Named& named : others_) {
    if (is_hit(*pattern, named.names)) ++kinds[named.kind];
  }
  return kinds;
}

}  // namespace graft
