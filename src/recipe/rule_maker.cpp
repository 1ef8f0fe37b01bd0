// From adapter options to the rules that a Selector compiles. Entry point:
// make_rules.
#include <algorithm>

#include "graft/recipe/recipe.h"
#include "recipe/option_row_internal.h"

namespace graft {
namespace {

// They are reported behind the targets.
void add_parameters(const EntryList& parameters, Rule& rule) {
  rule.peft.target_parameters = parameters.entries;
  // No targets are none here, not the family's defaults.
  rule.peft.targets_listed = rule.targets.empty();
  rule.places.resize(rule.targets.size());
  rule.places.insert(rule.places.end(), parameters.places.begin(),
                     parameters.places.end());
}

Rule make_rule(const AdapterSelection& selection, bool written) {
  const bool is_peft = selection.syntax == PatternSyntax::kPeft;
  Rule rule;
  rule.targets = selection.targets.entries;
  rule.places = selection.targets.places;
  rule.excludes = selection.exclude.entries;
  rule.adapt = selection.adapt;
  rule.syntax = selection.syntax;
  rule.adapter = selection.settings;
  if (is_peft) {
    rule.peft = selection.peft;
    add_parameters(selection.target_parameters, rule);
  }
  rule.peft.targets_regex =
      is_peft && selection.targets.is_text &&
      selection.targets.entries != std::vector<std::string>{"all-linear"};
  rule.peft.excludes_regex = is_peft && selection.exclude.is_text;
  rule.written_by_person = written;
  rule.allow_unmatched = selection.allow_unmatched;
  return rule;
}

}  // namespace

bool recipe::some_rule_adapts(const AdapterOptions& options) {
  return std::ranges::any_of(options.rules, &AdapterSelection::adapt);
}

std::vector<Rule> make_rules(const AdapterOptions& options) {
  std::vector<Rule> rules;
  for (const AdapterSelection& rule : options.rules) {
    rules.push_back(make_rule(rule, true));
  }
  const bool parameters = !options.base.target_parameters.entries.empty();
  if (options.targets_written || parameters ||
      !recipe::some_rule_adapts(options)) {
    AdapterSelection base = options.base;
    if (parameters && !options.targets_written) base.targets = {};
    rules.push_back(make_rule(base, options.targets_written || parameters));
  }
  return rules;
}

}  // namespace graft
