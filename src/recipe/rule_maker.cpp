// From adapter options to the rules that a Selector compiles. Entry point:
// make_rules.
#include "graft/recipe/recipe.h"

namespace graft {
namespace {

Rule make_rule(const AdapterSelection& selection, bool written) {
  const bool is_peft = selection.syntax == PatternSyntax::kPeft;
  Rule rule;
  rule.targets = selection.targets.entries;
  rule.places = selection.targets.places;
  rule.excludes = selection.exclude.entries;
  rule.syntax = selection.syntax;
  rule.adapter = selection.settings;
  rule.peft.targets_regex =
      is_peft && selection.targets.is_text &&
      selection.targets.entries != std::vector<std::string>{"all-linear"};
  rule.peft.excludes_regex = is_peft && selection.exclude.is_text;
  rule.written_by_person = written;
  rule.allow_unmatched = selection.allow_unmatched;
  return rule;
}

}  // namespace

std::vector<Rule> make_rules(const AdapterOptions& options) {
  std::vector<Rule> rules;
  for (const AdapterSelection& rule : options.rules) {
    rules.push_back(make_rule(rule, true));
  }
  if (options.targets_written || options.rules.empty()) {
    rules.push_back(make_rule(options.base, options.targets_written));
  }
  return rules;
}

}  // namespace graft
