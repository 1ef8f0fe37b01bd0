// Tries each pattern in both syntaxes on every name.
#include "match/megatron_lint_internal.h"

#include <optional>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "match/component_path_internal.h"
#include "match/entry_set_internal.h"

namespace graft {
namespace {

std::optional<NamePattern> glob_or_nothing(const std::string& entry) {
  try {
    return NamePattern::glob(entry);
  } catch (const ConfigError&) {
    return std::nullopt;  // a regular expression: meant as one
  }
}

// Adds `name` to the list on whose side the two readings differ.
struct Difference {
  std::vector<std::string> megatron_only;
  std::vector<std::string> glob_only;

  void look_at(const NamePattern& megatron, const NamePattern& glob,
               const std::string& name) {
    const bool by_megatron = megatron.matches(name);
    if (by_megatron == glob.matches(name)) return;
    (by_megatron ? megatron_only : glob_only).push_back(name);
  }
};

std::string list_text(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

void add_warning(const std::string& entry, const Difference& difference,
                 std::vector<std::string>& warnings) {
  const auto add = [&](const std::vector<std::string>& names,
                       const char* what) {
    if (names.empty()) return;
    warnings.push_back("'" + entry + "' in syntax megatron " + what + " " +
                       std::to_string(names.size()) + ": " + list_text(names));
  };
  add(difference.megatron_only, "hits modules that syntax glob would not,");
  add(difference.glob_only, "misses modules that syntax glob would hit,");
}

}  // namespace

std::vector<std::string> lint_megatron(const Inventory& inventory,
                                       const std::vector<Rule>& rules) {
  std::vector<std::string> warnings;
  for (const Rule& rule : rules) {
    if (rule.syntax != PatternSyntax::kMegatron) continue;
    std::vector<std::string> entries = rule.targets;
    entries.insert(entries.end(), rule.excludes.begin(), rule.excludes.end());
    for (const std::string& entry : entries) {
      const bool literal =
          is_all_linear(entry) || is_literal_entry(entry, rule.syntax);
      const auto glob = literal ? std::nullopt : glob_or_nothing(entry);
      if (!glob) continue;
      const NamePattern megatron = NamePattern::megatron(entry);
      Difference difference;
      for (const ModuleInfo& info : inventory.modules) {
        if (info.same_as || !is_linear_kind(info.kind, true)) continue;
        difference.look_at(megatron, *glob, info.path);
        for (const ModulePart& part : info.parts) {
          if (part.path == info.path) continue;
          difference.look_at(megatron, *glob, part.path);
        }
      }
      add_warning(entry, difference, warnings);
    }
  }
  return warnings;
}

}  // namespace graft
