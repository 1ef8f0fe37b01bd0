// Compiles rules, all problems of all rules at once. Entry points: Selector's
// members.
#include "graft/match/selector.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "match/explanation_internal.h"
#include "match/rule_run_internal.h"
#include "match/selection_internal.h"

namespace graft {

namespace {

void throw_problems(const std::vector<std::string>& problems) {
  if (problems.empty()) return;
  constexpr std::size_t kShown = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(problems.size(), kShown); ++i) {
    if (i > 0) text += '\n';
    text += problems[i];
  }
  if (problems.size() > kShown) {
    text += "\nand " + std::to_string(problems.size() - kShown) + " more";
  }
  throw ConfigError(text);
}

}  // namespace

struct Selector::State {
  std::vector<Rule> rules;
  CompiledRules compiled;
};

Selector Selector::compile(std::vector<Rule> rules) {
  auto state = std::make_unique<State>();
  std::vector<std::string> problems;
  for (const Rule& rule : rules) {
    state->compiled.push_back(rule.syntax == PatternSyntax::kPeft
                                  ? compile_peft_rule(rule, problems)
                                  : compile_runtime_rule(rule, problems));
  }
  throw_problems(problems);
  state->rules = std::move(rules);
  return Selector(std::move(state));
}

Selector::Selector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Selector::~Selector() = default;
Selector::Selector(Selector&&) noexcept = default;
Selector& Selector::operator=(Selector&&) noexcept = default;

Plan Selector::select(const Inventory& inventory) const {
  return select_sites(inventory, state_->rules, state_->compiled);
}

Explanation Selector::explain(const Inventory& inventory,
                              std::string_view path) const {
  return explain_module(inventory, state_->rules, state_->compiled,
                        std::string(path));
}

std::optional<std::size_t> Selector::match_one(
    std::size_t rule, std::string_view name, std::string_view full_name) const {
  return state_->compiled.at(rule)->match_one(name, full_name);
}

const std::vector<Rule>& Selector::rules() const { return state_->rules; }

}  // namespace graft
