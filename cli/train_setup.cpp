// Loads model and data and turns a recipe into options of the loop. Entry
// points: make_train_setup, make_train_options, make_identity.
#include "train_setup.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/io/gguf.h"
#include "graft/match/selector.h"
#include "graft/peft/inject.h"
#include "graft/recipe/option.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

const Logger kLogger("graft.train");

// May change between the parts of one run: they move no number of it.
const std::set<std::string> kFreeKeys = {
    "model",
    "output",
    "data.train",
    "data.eval",
    "adapter.allow_unmatched",
    "training.eval_every",
    "training.save_every",
    "training.keep",
    "training.early_stopping",
    "compute.device",
    "compute.dtype",
    "compute.threads",
    "compute.checkpoint_activations",
};

void make_absolute(std::string& path) {
  if (!path.empty()) path = fs::absolute(path).lexically_normal().string();
}

void make_paths_absolute(Recipe& recipe) {
  std::error_code error;
  if (fs::exists(recipe.model, error)) make_absolute(recipe.model);
  make_absolute(recipe.output);
  make_absolute(recipe.data.train);
  make_absolute(recipe.data.eval_file);
}

void require(const std::string& value, const char* key, const char* hint) {
  if (!value.empty()) return;
  throw ConfigError(ErrorText{.operation = "train",
                              .what = std::string(key) + " is missing",
                              .hint = hint});
}

struct RawData {
  std::vector<RawRow> train;
  std::vector<RawRow> eval;
};

// A fraction takes rows spread evenly over the file.
RawData read_data(const DataOptions& options) {
  RawData out;
  std::vector<RawRow> rows = read_jsonl_rows(options.train);
  if (!options.eval_file.empty()) {
    out.eval = read_jsonl_rows(options.eval_file);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double fraction = options.eval_fraction;
    const bool is_eval = std::floor(static_cast<double>(i + 1) * fraction) >
                         std::floor(static_cast<double>(i) * fraction);
    (is_eval ? out.eval : out.train).push_back(std::move(rows[i]));
  }
  if (options.eval_fraction > 0.0 && out.eval.empty()) {
    throw ConfigError(
        ErrorText{.operation = "train",
                  .what = "data.eval leaves no row for evaluation",
                  .got = std::to_string(out.train.size()) + " rows",
                  .hint = "Raise the fraction, or name a file"});
  }
  return out;
}

// Under microbatch_mean the layout of micro batches moves the loss, so there
// packing must be asked for.
Packing packing_of(const Recipe& recipe) {
  if (recipe.data.packing == "on") return Packing::kOn;
  const bool is_auto = recipe.data.packing == "auto" &&
                       recipe.training.loss_normalisation == "token_mean";
  return is_auto ? Packing::kAuto : Packing::kOff;
}

std::unique_ptr<RowBatches> make_batches(TokenizedData data,
                                         const TrainSetup& setup,
                                         bool training) {
  const Recipe& recipe = setup.recipe;
  return std::make_unique<RowBatches>(
      std::move(data.rows),
      BatchOptions{.batch_size = recipe.training.batch_size,
                   .micro_batch_size = recipe.training.micro_batch_size,
                   .shuffle = training && recipe.data.shuffle,
                   .seed = recipe.compute.seed,
                   .packing = packing_of(recipe),
                   .pack_length = recipe.data.max_length,
                   .round_lengths =
                       setup.base.compute.mode == nn::ComputeMode::kNative});
}

void load_data(TrainSetup& setup) {
  const DataOptions& options = setup.recipe.data;
  const ModelText text = open_model_text(setup.base);
  RowOptions rows;
  rows.max_length = static_cast<std::size_t>(
      std::min(options.max_length, setup.base.model->max_positions()));
  rows.learn_prompts = options.loss_on == "all";
  const RawData raw = read_data(options);
  rows.name = options.train;
  TokenizedData train = load_rows(setup.base, text, raw.train, rows);
  setup.train_counts = train.counts;
  setup.train_data = make_batches(std::move(train), setup, true);
  if (raw.eval.empty()) return;
  if (!options.eval_file.empty()) rows.name = options.eval_file;
  TokenizedData eval = load_rows(setup.base, text, raw.eval, rows);
  setup.eval_counts = eval.counts;
  setup.eval_data = make_batches(std::move(eval), setup, false);
}

Plan select_sites(const Recipe& recipe, const Inventory& inventory) {
  const std::vector<Rule> rules = make_rules(recipe.adapter);
  Plan plan = Selector::compile(rules).select(inventory);
  for (const std::string& warning : check_unmatched(plan, rules)) {
    kLogger.warning(warning);
  }
  for (const std::string& warning : plan.warnings) kLogger.warning(warning);
  if (plan.sites.empty()) {
    throw ConfigError(
        ErrorText{.operation = "train",
                  .what = "the selection is empty: no module gets an adapter",
                  .hint = "graft plan MODEL shows what each entry selects"});
  }
  check_hf_expressible(plan);
  return plan;
}

std::int64_t step_count(const TrainingOptions& options,
                        const BatchSource& data) {
  if (options.steps) return *options.steps;
  const double steps =
      *options.epochs * static_cast<double>(data.steps_per_epoch());
  return std::max<std::int64_t>(std::llround(std::ceil(steps)), 1);
}

// Size and name of the weight files, and the configuration's bytes.
std::string base_fingerprint(const fs::path& directory) {
  if (fs::is_regular_file(directory)) {  // GGUF
    return directory.filename().string() + ":" +
           std::to_string(fs::file_size(directory));
  }
  std::string out = file_hash((directory / "config.json").string());
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != ".safetensors") continue;
    files.insert(entry.path().filename().string() + ":" +
                 std::to_string(entry.file_size()));
  }
  for (const std::string& file : files) out += " " + file;
  return out;
}

bool may_be_extended(const TrainingOptions& training) {
  return training.schedule == "constant" &&
         (training.warmup == 0.0 || training.warmup >= 1.0);
}

}  // namespace

ComputeOptions make_compute_options(const ComputeText& compute) {
  return {compute.device, compute.dtype, compute.weight_layout};
}

int set_threads(const ComputeText& compute) {
  const unsigned hardware = std::max(std::thread::hardware_concurrency(), 1U);
  const int threads = static_cast<int>(compute.threads.value_or(hardware));
  at::set_num_threads(threads);
  return threads;
}

TrainSetup make_train_setup(Recipe recipe) {
  require(recipe.model, "model", "Give model: in the recipe, or MODEL");
  require(recipe.data.train, "data.train",
          "Give data.train in the recipe, or DATA");
  make_paths_absolute(recipe);
  TrainSetup setup;
  setup.recipe = std::move(recipe);
  setup.threads = set_threads(setup.recipe.compute);
  setup.base = load_base_model(locate_model(setup.recipe.model),
                               make_compute_options(setup.recipe.compute));
  if (setup.recipe.method == "full" && is_gguf_file(setup.base.directory)) {
    throw ConfigError(ErrorText{
        .operation = "train",
        .what = "method: full of a GGUF file",
        .hint =
            "Make a directory of it first: graft convert MODEL.gguf -o DIR"});
  }
  if (setup.recipe.method == "adapter") {
    setup.plan = select_sites(setup.recipe, setup.base.inventory);
  }
  load_data(setup);
  setup.steps = step_count(setup.recipe.training, *setup.train_data);
  return setup;
}

void attach_trained_parts(TrainSetup& setup) {
  if (setup.recipe.method == "full") {
    setup.base.model->make_trainable();
  } else {
    inject(*setup.base.model, setup.plan, {.seed = setup.recipe.compute.seed});
  }
}

TrainOptions make_train_options(const TrainSetup& setup) {
  const TrainingOptions& from = setup.recipe.training;
  TrainOptions out;
  out.steps = setup.steps;
  out.schedule = {*schedule_kind_from_name(from.schedule), from.learning_rate,
                  warmup_steps(from.warmup, setup.steps), setup.steps};
  out.adamw = {from.betas.first, from.betas.second, from.eps,
               from.weight_decay};
  out.lora_plus_ratio = from.lora_plus_ratio;
  out.max_grad_norm = from.max_grad_norm;
  out.router_aux_loss_coef = from.router_aux_loss_coef;
  out.normalisation = from.loss_normalisation == "microbatch_mean"
                          ? LossNormalisation::kMicrobatchMean
                          : LossNormalisation::kTokenMean;
  out.eval_every = from.eval_every;
  out.save_every = from.save_every;
  out.save_best = from.keep == "best" && setup.eval_data != nullptr;
  out.early_stopping = from.early_stopping;
  out.dropout_seed = setup.recipe.compute.seed;
  return out;
}

RunIdentity make_identity(const TrainSetup& setup) {
  RunIdentity out;
  for (const auto& [key, value] : option_values(setup.recipe)) {
    if (!kFreeKeys.contains(key)) out[key] = value;
  }
  if (may_be_extended(setup.recipe.training)) {
    out.erase("training.steps");
    out.erase("training.epochs");
  }
  out["model"] = base_fingerprint(setup.base.directory);
  out["data.train"] = file_hash(setup.recipe.data.train);
  if (!setup.recipe.data.eval_file.empty()) {
    out["data.eval"] = file_hash(setup.recipe.data.eval_file);
  } else if (setup.eval_data) {
    out["data.eval"] = option_values(setup.recipe).at("data.eval");
  }
  out["data.packing"] = setup.train_data->is_packed() ? "on" : "off";
  out["compute.device"] = setup.base.compute.device.str();
  out["compute.dtype"] =
      setup.base.compute.mode == nn::ComputeMode::kNative ? "native" : "fp32";
  out["compute.threads"] = std::to_string(setup.threads);
  return out;
}

}  // namespace graft::cli
