// Prints a resolved recipe. Entry points: recipe_to_yaml, option_values.
#include <string>

#include "recipe/option_row_internal.h"

namespace graft {
namespace {

bool is_left_out(const AdapterSelection& rule, std::string_view key) {
  if (!rule.adapt && recipe::is_setting_key(key)) return true;
  if (key == "targets") return rule.targets.entries.empty();
  return rule.syntax != PatternSyntax::kPeft && recipe::is_peft_key(key);
}

std::string rule_text(const AdapterSelection& rule) {
  std::string out;
  for (const auto& row : recipe::selection_rows()) {
    if (is_left_out(rule, row.info.key)) continue;
    out += (out.empty() ? "" : ", ") + std::string(row.info.key) + ": " +
           row.print(rule);
  }
  if (!rule.adapt) out += ", adapt: false";
  return "{" + out + "}";
}

std::string rules_text(const std::vector<AdapterSelection>& rules) {
  std::string out;
  for (const AdapterSelection& rule : rules) {
    out += (out.empty() ? "" : ", ") + rule_text(rule);
  }
  return "[" + out + "]";
}

// Targets that nobody wrote stay unwritten beside rules or parameters: they
// select nothing. Full training has no adapter.
bool is_unwritten(const Recipe& recipe, std::string_view key) {
  constexpr std::string_view kSection = "adapter.";
  if (!key.starts_with(kSection)) return false;
  if (recipe.method == "full") return true;
  key.remove_prefix(kSection.size());
  const AdapterOptions& adapter = recipe.adapter;
  if (key != "targets") return is_left_out(adapter.base, key);
  return !adapter.targets_written &&
         (recipe::some_rule_adapts(adapter) ||
          !adapter.base.target_parameters.entries.empty());
}

}  // namespace

std::map<std::string, std::string> option_values(const Recipe& recipe) {
  std::map<std::string, std::string> out;
  for (const auto& row : recipe::option_rows()) {
    if (is_unwritten(recipe, row.info.key)) continue;
    std::string text = row.print(recipe);
    if (!text.empty() && text != "\"\"") {
      out[std::string(row.info.key)] = std::move(text);
    }
  }
  if (!recipe.adapter.rules.empty()) {
    out[std::string(recipe::kRulesKey)] = rules_text(recipe.adapter.rules);
  }
  return out;
}

std::string recipe_to_yaml(const Recipe& recipe) {
  const auto values = option_values(recipe);
  std::string out;
  std::string_view section;
  for (const OptionInfo& option : recipe_options()) {
    const auto found = values.find(std::string(option.key));
    if (found == values.end()) continue;
    const std::size_t dot = option.key.find('.');
    if (dot == std::string_view::npos) {
      out += std::string(option.key) + ": " + found->second + "\n";
      continue;
    }
    if (option.key.substr(0, dot) != section) {
      section = option.key.substr(0, dot);
      out += std::string(section) + ":\n";
    }
    out += "  " + std::string(option.key.substr(dot + 1)) + ": " +
           found->second + "\n";
  }
  return out;
}

}  // namespace graft
