// Reads recipes: the file, then the settings over it. Entry points:
// load_recipe, parse_recipe, make_recipe.
#include "graft/recipe/recipe.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "graft/base/error.h"
#include "recipe/assignment_internal.h"
#include "recipe/option_row_internal.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using recipe::Assignment;
using recipe::Problems;
using Assignments = std::map<std::string, Assignment>;

constexpr double kDefaultEpochs = 2.0;

// Later assignments win; steps and epochs push each other out, unless both
// stand in one source.
void add_assignments(std::vector<Assignment> values, Assignments& all,
                     Problems& problems) {
  bool has_steps = false;
  bool has_epochs = false;
  for (const Assignment& value : values) {
    has_steps |= value.key == "training.steps";
    has_epochs |= value.key == "training.epochs";
    if (has_steps && has_epochs && value.from_file) {
      problems.add(value.place,
                   "training.steps and training.epochs exclude each other");
      has_steps = has_epochs = false;
    }
  }
  for (Assignment& value : values) {
    if (value.key == "training.steps") all.erase("training.epochs");
    if (value.key == "training.epochs") all.erase("training.steps");
    all[value.key] = std::move(value);
  }
}

// A model that is no folder beside the recipe may be a hub id.
void resolve_path(std::string& path, recipe::PathKind kind,
                  const fs::path& folder) {
  if (path.empty() || fs::path(path).is_absolute()) return;
  const fs::path joined = (folder / path).lexically_normal();
  std::error_code error;
  const bool looks_like_path = path.starts_with('.') || path.ends_with('/');
  if (kind == recipe::PathKind::kModel && !looks_like_path &&
      !fs::exists(joined, error)) {
    return;
  }
  path = joined.string();
}

void apply_places(const Assignments& all, AdapterOptions& out) {
  const auto targets = all.find("adapter.targets");
  out.targets_written = targets != all.end();
  if (targets != all.end()) {
    out.base.targets.places = recipe::entry_places(targets->second);
  }
  const auto parameters = all.find("adapter.target_parameters");
  if (parameters == all.end()) return;
  out.base.target_parameters.places = recipe::entry_places(parameters->second);
}

void check_peft_keys(const Assignments& all, PatternSyntax syntax,
                     Problems& problems) {
  if (syntax == PatternSyntax::kPeft) return;
  constexpr std::string_view kSection = "adapter.";
  for (const auto& [key, value] : all) {
    if (!key.starts_with(kSection)) continue;
    const std::string_view word = std::string_view(key).substr(kSection.size());
    if (!recipe::is_peft_key(word)) continue;
    problems.add(value.place,
                 "adapter." + recipe::peft_key_problem(word, syntax));
  }
}

void apply(const Assignments& all, const fs::path& folder, Recipe& out,
           Problems& problems) {
  for (const auto& row : recipe::option_rows()) {
    const auto found = all.find(std::string(row.info.key));
    if (found == all.end()) continue;
    const Assignment& value = found->second;
    try {
      row.parse(out, value.node);
      std::string* path = row.path ? row.path(out) : nullptr;
      if (path && value.from_file) {
        resolve_path(*path, row.path_kind, folder);
      }
    } catch (const recipe::ValueProblem& problem) {
      problems.add(value.place, value.key + ": " + problem.text);
    }
  }
  apply_places(all, out.adapter);
  check_peft_keys(all, out.adapter.base.syntax, problems);
  const auto rules = all.find(std::string(recipe::kRulesKey));
  if (rules != all.end()) {
    out.adapter.rules =
        recipe::parse_rules(rules->second, out.adapter.base, problems);
  }
}

void check_together(const Recipe& recipe, const std::string& name,
                    Problems& problems) {
  const TrainingOptions& training = recipe.training;
  if (training.micro_batch_size &&
      *training.micro_batch_size > training.batch_size) {
    problems.add(name, "training.micro_batch_size is " +
                           std::to_string(*training.micro_batch_size) +
                           ", more than training.batch_size " +
                           std::to_string(training.batch_size));
  }
  const bool has_eval =
      !recipe.data.eval_file.empty() || recipe.data.eval_fraction > 0;
  if (training.early_stopping > 0 && !has_eval) {
    problems.add(name, "training.early_stopping needs data.eval");
  }
  if (recipe.method == "full" && training.lora_plus_ratio != 1.0) {
    problems.add(name,
                 "training.lora_plus_ratio has no meaning with method: full");
  }
}

// A key that a person wrote and that nothing reads would mislead.
void check_method(const Recipe& recipe, const Assignments& all,
                  Problems& problems) {
  if (recipe.method != "full") return;
  for (const auto& [key, value] : all) {
    if (!key.starts_with("adapter.")) continue;
    problems.add(value.place, key + " has no meaning with method: full");
  }
}

Recipe assemble(Assignments all, const std::string& name,
                const fs::path& folder, Problems& problems) {
  Recipe out;
  apply(all, folder, out, problems);
  if (!out.training.epochs && !out.training.steps) {
    out.training.epochs = kDefaultEpochs;
  }
  if (problems.empty()) check_together(out, name, problems);
  check_method(out, all, problems);
  problems.throw_if_any();
  return out;
}

void add_settings(const std::vector<Setting>& settings, Assignments& all,
                  Problems& problems) {
  for (const Setting& setting : settings) {
    add_assignments(recipe::flatten_setting(setting, problems), all, problems);
  }
}

void check_scope(const KeyScope& scope, const Assignments& all,
                 Problems& problems) {
  std::string known;
  for (const std::string_view key : scope.keys) {
    known += (known.empty() ? "" : ", ") + std::string(key);
  }
  for (const auto& [key, value] : all) {
    if (std::ranges::find(scope.keys, key) != scope.keys.end()) continue;
    problems.add(value.place,
                 "'" + key + "' means nothing to graft " + scope.command +
                     ", which takes " +
                     (known.empty() ? "no key of a recipe" : known));
  }
}

}  // namespace

Setting parse_setting(std::string_view text, std::string_view place) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw ConfigError(ErrorText{.operation = std::string(place),
                                .what = "needs key=value",
                                .got = "'" + std::string(text) + "'",
                                .hint = "For example: --set adapter.rank=16"});
  }
  return {std::string(text.substr(0, equals)),
          std::string(text.substr(equals + 1)), std::string(place)};
}

Recipe load_recipe(const fs::path& path, const std::vector<Setting>& settings,
                   const KeyScope& scope) {
  Problems problems;
  Assignments all;
  add_settings(settings, all, problems);
  check_scope(scope, all, problems);
  problems.throw_if_any();
  return load_recipe(path, settings);
}

Recipe load_recipe(const fs::path& path, const std::vector<Setting>& settings) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (fs::is_directory(path) || !in || !(text << in.rdbuf())) {
    throw ConfigError(ErrorText{.operation = "recipe",
                                .what = "cannot read " + path.string(),
                                .expected = "a YAML file"});
  }
  return parse_recipe(text.str(), path.string(), path.parent_path(), settings);
}

Recipe parse_recipe(std::string_view yaml, const std::string& name,
                    const fs::path& folder,
                    const std::vector<Setting>& settings) {
  Problems problems;
  Assignments all;
  add_assignments(recipe::flatten_yaml(yaml, name, problems), all, problems);
  add_settings(settings, all, problems);
  return assemble(std::move(all), name, folder, problems);
}

Recipe make_recipe(const std::vector<Setting>& settings,
                   const KeyScope& scope) {
  Problems problems;
  Assignments all;
  add_settings(settings, all, problems);
  check_scope(scope, all, problems);
  return assemble(std::move(all), "options", {}, problems);
}

Recipe make_recipe(const std::vector<Setting>& settings) {
  Problems problems;
  Assignments all;
  add_settings(settings, all, problems);
  return assemble(std::move(all), "options", {}, problems);
}

}  // namespace graft
