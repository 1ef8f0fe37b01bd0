// Everything a training run is told: model, data, adapter, training, compute.
// Entry points: Recipe, load_recipe, make_rules, recipe_to_yaml. Every key is
// declared once in src/recipe/option_table.cpp; docs/recipe.md lists them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/match/rule.h"

namespace graft {

// Entries of a selection; in peft syntax one text is a regular expression and
// a list is names.
struct EntryList {
  std::vector<std::string> entries;
  bool is_text = false;
  std::vector<std::string> places;  // where each was written; may be empty

  // The places do not count.
  bool operator==(const EntryList& other) const {
    return entries == other.entries && is_text == other.is_text;
  }
};

// Which modules, and what each of them gets.
struct AdapterSelection {
  AdapterSettings settings;
  EntryList targets{{"all-linear"}, true};
  EntryList exclude;
  PatternSyntax syntax = PatternSyntax::kGlob;
  bool allow_unmatched = false;
  bool adapt = true;  // of a rule only; see Rule::adapt
  // With syntax peft alone. What the lists above say (is_text) and
  // target_parameters stay out of `peft` until make_rules.
  PeftFields peft;
  EntryList target_parameters;

  bool operator==(const AdapterSelection&) const = default;
};

struct AdapterOptions {
  AdapterSelection base;
  bool targets_written = false;         // base.targets is a person's choice
  std::vector<AdapterSelection> rules;  // before `base`; first hit wins
};

struct DataOptions {
  std::string train;               // JSONL file
  std::string eval_file;           // JSONL file; empty: see eval_fraction
  double eval_fraction = 0.0;      // of the training rows; 0: no eval
  std::int64_t max_length = 2048;  // tokens
  std::string packing = "auto";    // auto | on | off
  bool shuffle = true;
  std::string loss_on = "answers";  // answers | all
};

struct TrainingOptions {
  std::optional<double> epochs;  // exactly one of the two after loading
  std::optional<std::int64_t> steps;
  std::int64_t batch_size = 16;                  // sequences per optimizer step
  std::optional<std::int64_t> micro_batch_size;  // nullopt: auto
  double learning_rate = 2e-4;
  double lora_plus_ratio = 1.0;     // rate of B over that of A
  std::string schedule = "cosine";  // cosine | linear | constant
  double warmup = 0.03;             // fraction, or steps when >= 1
  double weight_decay = 0.0;
  std::pair<double, double> betas{0.9, 0.999};
  double eps = 1e-8;
  double max_grad_norm = 1.0;                     // 0: no clipping
  std::string loss_normalisation = "token_mean";  // or microbatch_mean
  double router_aux_loss_coef = 0.0;  // of the experts' load-balancing loss
  std::int64_t eval_every = 50;       // steps; 0: only at the end
  std::int64_t save_every = 50;       // steps; 0: only at the end
  std::string keep = "best";          // best | last | all
  std::int64_t early_stopping = 0;    // evals without improvement; 0: off
};

// compute.* as people write it; checkpoint::choose_compute reads the words.
struct ComputeText {
  std::string device = "auto";
  std::string dtype = "auto";
  std::string checkpoint_activations = "auto";
  std::string weight_layout = "auto";
  std::optional<std::int64_t> threads;  // nullopt: auto
  std::uint64_t seed = 42;
};

struct Recipe {
  std::string model;               // directory, file, or hub id
  std::string output;              // run directory
  std::string method = "adapter";  // adapter | full
  AdapterOptions adapter;
  DataOptions data;
  TrainingOptions training;
  ComputeText compute;
};

// A key and its value as typed somewhere else than in the file: `--set k=v`, a
// flag. Later ones win over earlier ones and over the file.
struct Setting {
  std::string key;
  std::string value;  // YAML; a list may also be written a,b,c
  std::string place;  // "--set", "--rank": for error messages
};

// "key=value" -> Setting. Throws ConfigError without "=".
Setting parse_setting(std::string_view text, std::string_view place);

// Reads a recipe; paths in it are relative to its folder. Throws ConfigError
// (all problems together, each with file:line) for unknown keys, with the
// translation of other programs' words, and for values out of range;
// ConfigError too when the file cannot be read.
Recipe load_recipe(const std::filesystem::path& path,
                   const std::vector<Setting>& settings = {});
// The same on text; `name` is used in messages, `folder` for paths.
Recipe parse_recipe(std::string_view yaml, const std::string& name,
                    const std::filesystem::path& folder,
                    const std::vector<Setting>& settings = {});
// Defaults and settings alone; paths stay as typed.
Recipe make_recipe(const std::vector<Setting>& settings);

// The keys that mean something to one command.
struct KeyScope {
  std::string command;  // "eval"
  std::vector<std::string_view> keys;
};
// The same; ConfigError names every key outside of `scope`.
Recipe make_recipe(const std::vector<Setting>& settings, const KeyScope& scope);
// The same for settings over a file, whose own keys may be any.
Recipe load_recipe(const std::filesystem::path& path,
                   const std::vector<Setting>& settings, const KeyScope& scope);

// Rules before the base selection; the base comes last, unless only rules
// were written and some of them adapt.
std::vector<Rule> make_rules(const AdapterOptions& options);

// Every key with its value, in table order; parse_recipe reads it back.
std::string recipe_to_yaml(const Recipe& recipe);

}  // namespace graft
