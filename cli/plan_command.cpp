// Selects on the inventory of a checkpoint, of config.json alone, or of names
// on standard input, and prints the plan or what is asked about it.
#include "plan_command.h"

#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/model_location.h"
#include "graft/formats/name_list.h"
#include "graft/match/plan_answers.h"
#include "graft/match/plan_tree.h"
#include "graft/match/selector.h"
#include "recipe_arguments.h"
#include "visible_text.h"

namespace graft::cli {
namespace {

struct Request {
  std::string model;
  std::string name;  // of the selection, in a comparison
  std::vector<Rule> rules;
  std::vector<std::string> explain;
  std::string other;  // recipe to compare with; empty: none
  bool tree = false;
  bool json = false;

  bool asks_for_table() const {
    return explain.empty() && other.empty() && !tree;
  }
};

bool is_recipe(const std::string& word) {
  const auto extension = std::filesystem::path(word).extension();
  return extension == ".yaml" || extension == ".yml";
}

std::vector<Rule> rules_of(const Recipe& recipe) {
  if (recipe.method == "full") {
    throw ConfigError(ErrorText{
        .operation = "plan",
        .what = "method full trains every weight and adapts no module",
        .hint = "graft train --dry-run shows what such a run takes"});
  }
  return make_rules(recipe.adapter);
}

void add_options(CLI::App& app, Request& out) {
  app.add_option("MODEL", out.model,
                 "model directory (config.json is enough), one .safetensors "
                 "file, MODEL.gguf, hub id, RECIPE.yaml, or - for module "
                 "names on standard input")
      ->required();
  app.add_option("--explain", out.explain,
                 "why this module or part is adapted or not; may be given "
                 "again")
      ->type_name("PATH")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--diff", out.other,
                 "what the selection of this recipe would change")
      ->type_name("OTHER.yaml");
  app.add_flag("--tree", out.tree,
               "the model as a tree, layers that are alike in one branch");
  app.add_flag("--json", out.json, "print the plan, and answers, as JSON");
}

Request parse_request(const std::vector<std::string>& args) {
  Request out;
  CLI::App app("Shows what would be adapted, from names and shapes alone",
               "graft plan");
  add_options(app, out);
  KeyScope scope{"plan", keys_of("adapter")};
  scope.keys.insert(scope.keys.begin(), {"model", "method"});
  const ScopedRecipeArguments arguments(app, std::move(scope));
  parse_arguments(app, args);
  Recipe recipe;
  if (is_recipe(out.model)) {
    out.name = out.model;
    recipe = arguments.recipe_over(out.model);
  } else {
    out.name = "this selection";
    recipe = arguments.recipe({{"model", out.model, "MODEL"}});
  }
  out.model = recipe.model;
  if (out.tree && out.json) {
    throw ConfigError(ErrorText{
        .operation = "plan",
        .what = "--tree is for reading and has no JSON form",
        .hint = "--json lists every adapter with its layer and expert"});
  }
  out.rules = rules_of(recipe);
  return out;
}

Inventory read_model(const std::string& model) {
  if (model == "-") return read_name_list(std::cin, "standard input");
  return open_checkpoint(locate_model(model))->inventory();
}

void print_warnings(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    std::cerr << "warning: " << visible_text(warning) << '\n';
  }
}

PlanDiff compare(const Request& request, const Plan& plan,
                 const Inventory& inventory) {
  const Selector other =
      Selector::compile(rules_of(load_recipe(request.other)));
  const Plan other_plan = other.select(inventory);
  print_warnings(check_unmatched(other_plan, other.rules()));
  PlanDiff out = diff_plans(plan, other_plan);
  out.from = request.name;
  out.to = request.other;
  return out;
}

void print_text(const Request& request, const Inventory& inventory,
                const Plan& plan, const PlanAnswers& answers) {
  if (request.asks_for_table()) std::cout << visible_text(plan_to_text(plan));
  bool first = true;
  const auto print = [&first](const std::string& text) {
    std::cout << (first ? "" : "\n") << visible_text(text);
    first = false;
  };
  if (request.tree) print(plan_tree_to_text(inventory, plan));
  for (const Explanation& explanation : answers.explanations) {
    print(explanation_to_text(explanation));
  }
  if (answers.diff) print(plan_diff_to_text(*answers.diff));
}

}  // namespace

int plan_command(const std::vector<std::string>& args) {
  const Request request = parse_request(args);
  const Selector selector = Selector::compile(request.rules);
  const Inventory inventory = read_model(request.model);
  const Plan plan = selector.select(inventory);
  PlanAnswers answers;
  for (const std::string& path : request.explain) {
    answers.explanations.push_back(selector.explain(inventory, path));
  }
  if (!request.other.empty()) answers.diff = compare(request, plan, inventory);
  if (request.json) {
    std::cout << plan_to_json(plan, answers);
  } else {
    print_text(request, inventory, plan, answers);
  }
  print_warnings(inventory.warnings);
  // The table shows them too; here they decide the exit code.
  print_warnings(check_unmatched(plan, selector.rules()));
  return 0;
}

}  // namespace graft::cli
