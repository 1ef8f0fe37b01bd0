// `graft train RECIPE.yaml` or `graft train MODEL DATA -o OUT`. Entry point:
// train_command.
#include "train_command.h"

#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/checkpoint/full_model.h"
#include "graft/checkpoint/live_adapter.h"
#include "graft/checkpoint/resume_state.h"
#include "graft/recipe/recipe.h"
#include "interrupt.h"
#include "recipe_arguments.h"
#include "run_directory.h"
#include "run_estimate.h"
#include "train_report.h"
#include "train_setup.h"

namespace graft::cli {
namespace {

constexpr int kInterrupted = 130;

struct TrainArguments {
  Recipe recipe;
  OutputMode mode = OutputMode::kNew;
  bool json = false;
  bool dry_run = false;
  std::string again;  // the command line that continues the run
};

bool is_recipe_file(const std::string& word) {
  return word.ends_with(".yaml") || word.ends_with(".yml");
}

Recipe read_recipe(const std::vector<std::string>& words,
                   std::vector<Setting> settings) {
  if (words.size() == 1 && is_recipe_file(words[0])) {
    return load_recipe(words[0], settings);
  }
  if (words.size() > 2) {
    throw ConfigError("train: takes RECIPE.yaml, or MODEL DATA");
  }
  const std::pair<const char*, const char*> keys[] = {{"model", "MODEL"},
                                                      {"data.train", "DATA"}};
  std::vector<Setting> given;
  for (std::size_t i = 0; i < words.size(); ++i) {
    given.push_back({keys[i].first, words[i], keys[i].second});
  }
  return make_recipe(
      join_words(std::move(settings), std::move(given), "train"));
}

TrainArguments parse(const std::vector<std::string>& args) {
  CLI::App app("Trains an adapter on a base model, or the whole model.",
               "graft train");
  std::vector<std::string> words;
  TrainArguments out;
  bool resume = false;
  bool overwrite = false;
  app.add_option("RECIPE", words, "RECIPE.yaml, or MODEL DATA")
      ->expected(1, 3)
      ->option_text("RECIPE.yaml | MODEL DATA");
  app.add_flag("--resume", resume, "Go on from the newest saved state");
  app.add_flag("--overwrite", overwrite, "Replace an earlier run");
  app.add_flag(
      "--dry-run", out.dry_run,
      "Print plan, data counts, steps, memory and time; write nothing");
  app.add_flag("--json", out.json, "Print the result as one JSON object");
  const RecipeArguments recipe(app);
  parse_arguments(app, args);
  if (resume && overwrite) {
    throw ConfigError("train: --resume and --overwrite exclude each other");
  }
  out.mode = resume      ? OutputMode::kResume
             : overwrite ? OutputMode::kOverwrite
                         : OutputMode::kNew;
  out.recipe = read_recipe(words, recipe.settings());
  out.again = "graft train";
  for (const std::string& word : args) {
    if (word == "--resume" || word == "--overwrite") continue;
    out.again += " " + shell_word(word);
  }
  out.again += " --resume";
  return out;
}

int print_dry_run(TrainSetup& setup, bool json) {
  const RunMemory memory = plan_memory(setup);
  const RunTime time = measure_time(setup);
  if (json) {
    std::cout << setup_json(setup, memory, time);
    return 0;
  }
  std::cout << setup_text(setup);
  if (setup.recipe.method == "adapter") {
    std::cout << '\n' << plan_to_text(setup.plan);
  }
  std::cout << '\n' << memory_text(memory) << time_text(time);
  std::cout << "\nNothing was written.\n";
  return 0;
}

// The state that keep: best chose, back into the live model.
void restore_best(TrainSetup& setup, const RunDirectory& directory,
                  const TrainResult& result) {
  const bool wanted = setup.recipe.training.keep == "best" &&
                      result.best_eval_loss && result.best_step != result.steps;
  if (!wanted) return;
  const nn::NamedState state =
      load_resume_state(resume_directory(directory.path(), result.best_step));
  restore_parameters(trained_parameters(*setup.base.model, 1.0), state);
}

std::filesystem::path save_result(TrainSetup& setup,
                                  const RunDirectory& directory) {
  if (setup.recipe.method == "full") {
    save_full_model(setup.base, directory.path() / "model");
    return directory.path() / "model";
  }
  const AdapterFile file =
      snapshot_adapter(setup.plan, adapters_of(*setup.base.model));
  save_hf_adapter(file, setup.base.inventory, setup.recipe.model,
                  directory.path() / "adapter");
  return directory.path() / "adapter";
}

TrainResult run_training(TrainSetup& setup, const RunDirectory& directory,
                         const std::optional<nn::NamedState>& state) {
  const RunIdentity identity = make_identity(setup);
  TrainOptions options = make_train_options(setup);
  if (state) options.resume = &*state;
  const std::int64_t done = state ? state->integers.at("step") : 0;
  TrainReport report(directory, setup.steps, done);
  const ScopedInterrupt interrupt;
  TrainCallbacks callbacks;
  callbacks.cancellation = interrupt.token();
  callbacks.on_step = [&](const StepMetrics& m) { report.add_step(m); };
  callbacks.on_eval = [&](const EvalMetrics& m) { report.add_eval(m); };
  callbacks.on_save = [&](const SavePoint& point) {
    directory.save(point, identity, setup.recipe.training.keep);
  };
  return train(*setup.base.model, {*setup.train_data, setup.eval_data.get()},
               options, callbacks);
}

int run(TrainSetup& setup, const TrainArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  if (arguments.mode == OutputMode::kOverwrite) {
    check_overwrite(setup.recipe.output,
                    {setup.base.directory, setup.recipe.data.train,
                     setup.recipe.data.eval_file});
  }
  const RunMemory memory = plan_memory(setup);
  const RunDirectory directory(setup.recipe.output, arguments.mode);
  const auto state = directory.newest_state(make_identity(setup));
  const std::int64_t done = state ? state->integers.at("step") : 0;
  directory.cut_metrics(done);
  directory.write_text("environment.json", environment_json(setup));
  // Last: with it the folder is a run.
  directory.write_text("recipe.yaml", recipe_to_yaml(setup.recipe));
  std::cerr << setup_text(setup) << memory_text(memory);
  if (arguments.mode == OutputMode::kResume) {
    std::cerr << "resumes  after step " << done << '\n';
  }
  attach_trained_parts(setup);
  FinishedRun finished;
  finished.result = run_training(setup, directory, state);
  if (finished.result.reason == StopReason::kCancelled) {
    std::cerr << "Interrupted: step " << finished.result.steps
              << " is saved. Go on with: " << arguments.again << '\n';
    return kInterrupted;
  }
  restore_best(setup, directory, finished.result);
  finished.output = save_result(setup, directory);
  finished.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  std::cout << (arguments.json ? finished_json(finished)
                               : finished_text(setup, finished));
  return 0;
}

}  // namespace

int train_command(const std::vector<std::string>& args) {
  TrainArguments arguments = parse(args);
  TrainSetup setup = make_train_setup(std::move(arguments.recipe));
  if (arguments.dry_run) return print_dry_run(setup, arguments.json);
  return run(setup, arguments);
}

}  // namespace graft::cli
