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

// An entry as it is tried on names.
struct Candidate {
  std::optional<NamePattern> pattern;
  KindSet wanted = 0;  // 0: any kind

  Candidate(const std::string& entry, PatternSyntax syntax) {
    const auto split = split_kind_entry(entry, syntax);
    pattern = try_pattern(split ? std::string(split->pattern) : entry, syntax);
    if (!split) return;
    wanted = kind_from_name(split->kind);
    if (wanted == 0) pattern.reset();
  }

  bool hits(const std::vector<std::string>& names, KindSet kinds) const;
};

bool is_hit(const NamePattern& pattern, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return last_component(name) == pattern.text() || pattern.matches(name);
  });
}

bool Candidate::hits(const std::vector<std::string>& names,
                     KindSet kinds) const {
  return pattern && (wanted == 0 || (wanted & kinds) != 0) &&
         is_hit(*pattern, names);
}

}  // namespace

NameCensus::NameCensus(const Inventory& inventory, PatternSyntax syntax)
    : syntax_(syntax) {
  const bool runtime_names =
      syntax != PatternSyntax::kPeft || !inventory.has_family_table;
  for (std::size_t i = 0; i < inventory.modules.size(); ++i) {
    const ModuleInfo& info = inventory.modules[i];
    if (info.same_as) continue;
    if (takes_adapter(info.kind)) {
      last_layer_ = std::max(last_layer_, info.layer);
      last_expert_ = std::max(last_expert_, info.expert);
    }
    const KindSet kinds = kinds_of(info);
    Named whole{{}, info.kind, kinds, i};
    if (runtime_names) whole.names.push_back(info.path);
    if (!info.hf_parameter.empty()) whole.names.push_back(info.hf_parameter);
    std::vector<Named> parts;
    for (const ModulePart& part : info.parts) {
      if (part.component.empty()) {
        whole.names.push_back(part.path);
        continue;
      }
      parts.push_back({{part.path}, info.kind, kinds, i, true});
      if (!runtime_names) continue;
      parts.back().names.push_back(component_path(info.path, part.component));
    }
    if (!whole.names.empty()) add(std::move(whole));
    for (Named& part : parts) add(std::move(part));
  }
}

void NameCensus::add(Named named) {
  if (!takes_adapter(named.kind)) {
    others_.push_back(std::move(named));
    return;
  }
  add_components(named);
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

void NameCensus::add_components(const Named& named) {
  for (const std::string& name : named.names) {
    for (std::size_t begin = 0; begin <= name.size();) {
      const std::size_t end = std::min(name.find('.', begin), name.size());
      std::string part = name.substr(begin, end - begin);
      if (known_components_.insert(part).second) {
        components_.push_back(std::move(part));
      }
      begin = end + 1;
    }
  }
}

std::size_t NameCensus::count(const std::string& last_name) const {
  const auto found = counts_.find(last_name);
  return found == counts_.end() ? 0 : found->second;
}

std::size_t NameCensus::hits(const std::string& entry) const {
  const Candidate candidate(entry, syntax_);
  if (!candidate.pattern) return 0;
  std::size_t count = 0;
  std::optional<std::size_t> whole;  // the last module that is hit as such
  for (const Named& named : linears_) {
    if (named.is_part && whole == named.module) continue;
    if (!candidate.hits(named.names, named.kinds)) continue;
    ++count;
    if (!named.is_part) whole = named.module;
  }
  return count;
}

std::map<LayerKind, std::size_t> NameCensus::other_kinds(
    const std::string& entry) const {
  std::map<LayerKind, std::size_t> kinds;
  const Candidate candidate(entry, syntax_);
  for (const Named& named : others_) {
    if (candidate.hits(named.names, named.kinds)) ++kinds[named.kind];
  }
  return kinds;
}

}  // namespace graft
