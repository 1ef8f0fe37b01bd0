// HF PEFT's targets: defaults by family, endings, condensed long lists.
#include "match/peft_targets_internal.h"

#include <algorithm>
#include <map>
#include <set>

#include "graft/base/error.h"
#include "match/component_path_internal.h"
#include "match/hf_parameter_internal.h"
#include "match/peft_defaults_internal.h"

namespace graft {
namespace {

constexpr std::size_t kNoHit = PatternSet::kNoHit;

// Null when the family has none and parameters are targeted instead.
const PeftDefaults* default_or_null(const Rule& rule,
                                    const Inventory* inventory) {
  const std::string type = inventory ? inventory->model_type.value_or("") : "";
  const PeftDefaults* row = peft_defaults_or_null(type);
  if (row != nullptr || !rule.peft.target_parameters.empty()) return row;
  throw ConfigError(ErrorText{
      .operation = "match",
      .what = "no targets are given, and none are known for model_type '" +
              type + "'",
      .hint = "Name target_modules"});
}

// "c", "b.c", "a.b.c" of "a.b.c".
std::vector<std::string> endings_of(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t dot = path.rfind('.'); dot != std::string::npos;
       dot = dot == 0 ? std::string::npos : path.rfind('.', dot - 1)) {
    out.push_back(path.substr(dot + 1));
  }
  out.push_back(path);
  return out;
}

bool is_body_linear(const ModuleInfo& info) {
  return is_linear_kind(info.kind, true) && !info.output_head;
}

// Last names of the layers that all-linear takes.
std::set<std::string> linear_names(const Inventory& inventory) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < inventory.modules.size(); ++i) {
    if (!is_body_linear(inventory.modules[i])) continue;
    for (const HfUnit& unit : hf_units(inventory, i)) {
      names.emplace(last_component(unit.path));
    }
  }
  return names;
}

using Texts = std::set<std::string>;

bool ends_in_one_of(const std::string& path, const Texts& endings) {
  const std::vector<std::string> own = endings_of(path);
  return std::any_of(own.begin(), own.end() - 1, [&](const std::string& text) {
    return endings.count(text) > 0;
  });
}

// The shortest ending of each entry that no other module has, unless a chosen
// one covers it.
Texts condensed(const Texts& entries, const Texts& other_endings) {
  std::map<std::vector<std::string>, std::string> ordered;
  for (const std::string& entry : entries) ordered[endings_of(entry)] = entry;
  Texts chosen;
  for (const auto& [endings, entry] : ordered) {
    for (const std::string& ending : endings) {
      if (chosen.count(ending) || other_endings.count(ending)) continue;
      if (ends_in_one_of(entry, chosen)) continue;
      chosen.insert(ending);
      break;
    }
  }
  return chosen;
}

}  // namespace

// Every module path that PEFT would see, containers and the root included.
std::set<std::string> hf_names(const Inventory& inventory,
                               bool experts_as_layers) {
  std::set<std::string> names{""};
  for (std::size_t i = 0; i < inventory.modules.size(); ++i) {
    if (inventory.modules[i].same_as) continue;
    for (const HfUnit& unit : hf_units(inventory, i, experts_as_layers)) {
      const std::string path(unit.path);
      for (std::size_t dot = path.find('.'); dot != std::string::npos;
           dot = path.find('.', dot + 1)) {
        names.insert(path.substr(0, dot));
      }
      names.insert(path);
    }
  }
  return names;
}

std::vector<HfUnit> hf_units(const Inventory& inventory, std::size_t module,
                             bool experts_as_layers) {
  const ModuleInfo& info = inventory.modules[module];
  if (!info.hf_parameter.empty() && !experts_as_layers) {
    const std::string_view parameter = info.hf_parameter;
    return {{kWhole, parameter.substr(0, parameter.rfind('.'))}};
  }
  std::vector<HfUnit> units;
  for (std::size_t i = 0; i < info.parts.size(); ++i) {
    const ModulePart& part = info.parts[i];
    units.push_back({part.component.empty() ? kWhole : i, part.path});
  }
  const bool by_path = info.parts.empty() && !inventory.has_family_table;
  if (by_path) units.push_back({kWhole, info.path});
  return units;
}

void add_dotted_endings(const EntryIndex& entries, std::string_view path,
                        std::vector<std::size_t>& hits) {
  const auto add = [&](std::string_view text) {
    const auto found = entries.find(text);
    if (found == entries.end()) return;
    hits.insert(hits.end(), found->second.begin(), found->second.end());
  };
  add(path);
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
       dot = path.find('.', dot + 1)) {
    add(path.substr(dot + 1));
  }
}

PeftTargets::PeftTargets(const Rule& rule, const Inventory* inventory,
                         const PathPredicate& allows)
    : entries_(rule.targets), experts_as_layers_(rule.peft.experts_as_layers) {
  bool regex = rule.peft.targets_regex;
  const bool packed = inventory != nullptr && !experts_as_layers_ &&
                      expert_words_or_null(*inventory) != nullptr;
  const PeftDefaults* row =
      rule.peft.targets_listed || packed || !entries_.empty()
          ? nullptr
          : default_or_null(rule, inventory);
  if (row != nullptr) {
    entries_ = row->targets;
    regex = row->regex;
  }
  target_count_ = entries_.size();
  add_parameters(rule);
  if (inventory != nullptr) {
    has_linear_ = std::any_of(inventory->modules.begin(),
                              inventory->modules.end(), is_body_linear);
  }
  const bool converted = packed && convert_experts(*inventory, regex, allows);
  if (!converted && regex && !is_all_linear(entries_.front())) {
    regex_.emplace().add_regex(entries_.front(), 0);
    return;
  }
  if (!converted) add_list();
  if (inventory && exact_.size() >= kCondensedFrom) condense(*inventory);
}

void PeftTargets::add_list() {
  std::vector<PeftEntry> modules;
  for (std::size_t i = 0; i < target_count_; ++i) {
    if (is_all_linear(entries_[i])) {
      all_linear_.push_back(i);
    } else {
      modules.push_back({entries_[i], {i}});
    }
  }
  add_modules(modules);
}

void PeftTargets::add_parameters(const Rule& rule) {
  for (const std::string& text : rule.peft.target_parameters) {
    parameters_.push_back({text, {entries_.size()}});
    entries_.push_back(text);
  }
}

void PeftTargets::add_modules(const std::vector<PeftEntry>& modules) {
  for (const PeftEntry& entry : modules) {
    auto& sources = by_text_[entry.text];
    sources.insert(sources.end(), entry.sources.begin(), entry.sources.end());
    exact_.insert(entry.text);
  }
}

bool PeftTargets::convert_experts(const Inventory& inventory, bool regex,
                                  const PathPredicate& allows) {
  const ExpertWords& words = *expert_words_or_null(inventory);
  PeftEntries entries;
  const auto add = [&](std::string_view text, std::size_t source) {
    entries.modules.push_back({std::string(text), {source}});
  };
  for (std::size_t i = 0; i < target_count_; ++i) {
    if (is_all_linear(entries_[i])) {
      for (const std::string& name : linear_names(inventory)) add(name, i);
      for (const auto& row : words.rows) add(row.layer, i);
    } else if (regex) {
      PatternSet whole;
      whole.add_regex(entries_[i], 0);
      const auto names =
          resolve_string_target(words, inventory, [&](std::string_view path) {
            return allows(path) && whole.first_hit(path) != kNoHit;
          });
      for (const std::string& name : names) add(name, i);
      if (names.empty()) return false;
      replaced_ = std::move(whole);
    } else {
      add(entries_[i], i);
    }
  }
  entries.parameters = std::move(parameters_);
  entries = convert_expert_targets(words, std::move(entries));
  parameters_ = std::move(entries.parameters);
  fused_ = std::move(entries.fused);
  words_ = &words;
  add_modules(entries.modules);
  return true;
}

bool PeftTargets::has_no_modules() const {
  if (regex_ || !by_text_.empty()) return false;
  return all_linear_.empty() || !has_linear_;
}

void PeftTargets::condense(const Inventory& inventory) {
  if (exact_.count(std::string())) {
    throw ConfigError(
        ErrorText{.operation = "match",
                  .what = "target_modules should not contain an empty string"});
  }
  const Texts entries(exact_.begin(), exact_.end());
  Texts other_endings;
  for (const std::string& name : hf_names(inventory, experts_as_layers_)) {
    if (entries.count(name) || ends_in_one_of(name, entries)) continue;
    for (std::string& ending : endings_of(name)) {
      other_endings.insert(std::move(ending));
    }
  }
  const Texts chosen = condensed(entries, other_endings);
  if (chosen.empty() || chosen.size() >= entries.size()) return;
  exact_.clear();
  exact_.insert(chosen.begin(), chosen.end());
}

std::vector<std::size_t> PeftTargets::hits(const ModuleInfo& info,
                                           std::string_view path) const {
  std::vector<std::size_t> hits;
  if (regex_) {
    if (regex_->first_hit(path) != kNoHit) hits.push_back(0);
    return hits;
  }
  add_dotted_endings(by_text_, path, hits);
  if (is_body_linear(info))
    hits.insert(hits.end(), all_linear_.begin(), all_linear_.end());
  sort_unique(hits);
  return hits;
}

bool PeftTargets::is_exact(std::string_view path) const {
  return exact_.count(path) > 0;
}

bool PeftTargets::is_beyond_string(std::string_view path) const {
  return replaced_ && replaced_->first_hit(path) == kNoHit;
}

bool PeftTargets::is_beyond_string(const HfParameter& parameter) const {
  if (!is_beyond_string(parameter.path())) return false;
  if (!is_beyond_string(parameter.module_path)) return false;
  const std::string holder = std::string(parameter.module_path) + '.';
  return std::ranges::all_of(words_->rows, [&](const ExpertWords::Row& row) {
    return parameter.name != row.parameter ||
           is_beyond_string(holder + std::string(row.layer));
  });
}

}  // namespace graft
