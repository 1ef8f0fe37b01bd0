// Selects on the inventory of a checkpoint and prints the plan.
#include "plan_command.h"

#include <cmath>
#include <iostream>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/formats/hf/model_location.h"
#include "graft/match/selector.h"
#include "selection_options.h"

namespace graft::cli {
namespace {

struct Options {
  std::string model;
  SelectionOptions selection;
  AdapterSettings adapter;
  std::string kind = "lora";
  bool allow_unmatched = false;
  bool json = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app("Shows what would be adapted, from names and shapes alone",
               "graft plan");
  app.add_option("MODEL", out.model, "model directory or hub id")->required();
  add_selection_options(app, out.selection);
  app.add_option("--kind", out.kind, "lora or canonical_lora")
      ->capture_default_str();
  app.add_option("--rank", out.adapter.rank, "rank of A and B")
      ->capture_default_str();
  app.add_option("--alpha", out.adapter.alpha, "scale = alpha / rank")
      ->capture_default_str();
  app.add_flag("--rslora", out.adapter.rslora, "scale = alpha / sqrt(rank)");
  app.add_flag("--allow-unmatched", out.allow_unmatched,
               "warn of an entry that selects nothing, do not fail");
  app.add_flag("--json", out.json, "print the plan as JSON");
  parse_arguments(app, args);
  return out;
}

Rule make_plan_rule(const Options& options) {
  Rule rule = make_rule(options.selection);
  rule.written_by_person = !rule.targets.empty();
  if (rule.targets.empty()) rule.targets = {"all-linear"};
  rule.allow_unmatched = options.allow_unmatched;
  rule.adapter = options.adapter;
  if (!std::isfinite(rule.adapter.alpha) || rule.adapter.alpha <= 0) {
    throw ConfigError(ErrorText{.operation = "plan",
                                .what = "--alpha",
                                .got = std::to_string(rule.adapter.alpha),
                                .expected = "a positive number"});
  }
  const auto kind = adapter_kind_from_name(options.kind);
  if (!kind || *kind == AdapterKind::kDora) {
    throw ConfigError(ErrorText{.operation = "plan",
                                .what = "--kind",
                                .got = "'" + options.kind + "'",
                                .expected = "lora or canonical_lora"});
  }
  rule.adapter.kind = *kind;
  return rule;
}

}  // namespace

int plan_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  const Selector selector = Selector::compile({make_plan_rule(options)});
  const Plan plan =
      selector.select(read_inventory(locate_model(options.model)));
  std::cout << (options.json ? plan_to_json(plan) : plan_to_text(plan));
  // The table shows them too; here they decide the exit code.
  for (const std::string& warning : check_unmatched(plan, selector.rules())) {
    std::cerr << "warning: " << warning << '\n';
  }
  return 0;
}

}  // namespace graft::cli
