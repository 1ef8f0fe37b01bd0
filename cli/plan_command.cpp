// Selects on the inventory of a checkpoint and prints the plan.
#include "plan_command.h"

#include <filesystem>
#include <iostream>
#include <utility>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/model_location.h"
#include "graft/match/selector.h"
#include "recipe_arguments.h"

namespace graft::cli {
namespace {

struct Request {
  std::string model;
  std::vector<Rule> rules;
  bool json = false;
};

bool is_recipe(const std::string& word) {
  const auto extension = std::filesystem::path(word).extension();
  return extension == ".yaml" || extension == ".yml";
}

Request parse_request(const std::vector<std::string>& args) {
  Request out;
  CLI::App app("Shows what would be adapted, from names and shapes alone",
               "graft plan");
  app.add_option("MODEL", out.model,
                 "model directory, MODEL.gguf, hub id, or RECIPE.yaml")
      ->required();
  app.add_flag("--json", out.json, "print the plan as JSON");
  KeyScope scope{"plan", keys_of("adapter")};
  scope.keys.insert(scope.keys.begin(), {"model", "method"});
  const ScopedRecipeArguments arguments(app, std::move(scope));
  parse_arguments(app, args);
  const Recipe recipe = is_recipe(out.model)
                            ? arguments.recipe_over(out.model)
                            : arguments.recipe({{"model", out.model, "MODEL"}});
  out.model = recipe.model;
  if (recipe.method == "full") {
    throw ConfigError(ErrorText{
        .operation = "plan",
        .what = "method full trains every weight and adapts no module",
        .hint = "graft train --dry-run shows what such a run takes"});
  }
  out.rules = make_rules(recipe.adapter);
  return out;
}

}  // namespace

int plan_command(const std::vector<std::string>& args) {
  const Request request = parse_request(args);
  const Selector selector = Selector::compile(request.rules);
  const Inventory inventory =
      open_checkpoint(locate_model(request.model))->inventory();
  const Plan plan = selector.select(inventory);
  std::cout << (request.json ? plan_to_json(plan) : plan_to_text(plan));
  for (const std::string& warning : inventory.warnings) {
    std::cerr << "warning: " << warning << '\n';
  }
  // The table shows them too; here they decide the exit code.
  for (const std::string& warning : check_unmatched(plan, selector.rules())) {
    std::cerr << "warning: " << warning << '\n';
  }
  return 0;
}

}  // namespace graft::cli
