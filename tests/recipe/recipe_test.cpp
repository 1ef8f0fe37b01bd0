// Reading recipes: values, settings, paths, and every kind of bad input.
#include "graft/recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/recipe/option.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFull[] = R"(model: base
output: runs/support
method: adapter
adapter:
  kind: lora
  targets: [q_proj, linear_fc1, "*.layers.{20..}.*"]
  exclude: ["*.layers.{0..3}.*"]
  rank: 8
  alpha: 16
  rules:
    - {targets: ["*.self_attn.*"], rank: 64}
data:
  train: data/train.jsonl
  eval: 0.05
training:
  steps: 500
  micro_batch_size: 4
  learning_rate: 2e-4
  betas: [0.9, 0.95]
compute: {threads: 2, seed: 7}
)";

std::string problem_of(const std::string& yaml,
                       const std::vector<Setting>& settings = {}) {
  try {
    parse_recipe(yaml, "recipe.yaml", "folder", settings);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no problem";
}

TEST(Recipe, reads_every_kind_of_value) {
  const Recipe recipe = parse_recipe(kFull, "recipe.yaml", "folder");
  EXPECT_EQ(recipe.model, "base");
  EXPECT_EQ(recipe.output, "folder/runs/support");
  EXPECT_EQ(recipe.data.train, "folder/data/train.jsonl");
  EXPECT_DOUBLE_EQ(recipe.data.eval_fraction, 0.05);
  EXPECT_THAT(recipe.adapter.base.targets.entries,
              ElementsAre("q_proj", "linear_fc1", "*.layers.{20..}.*"));
  EXPECT_EQ(recipe.adapter.base.settings.rank, 8);
  EXPECT_EQ(recipe.training.steps, 500);
  EXPECT_EQ(recipe.training.epochs, std::nullopt);
  EXPECT_EQ(recipe.training.micro_batch_size, 4);
  EXPECT_DOUBLE_EQ(recipe.training.learning_rate, 2e-4);
  EXPECT_DOUBLE_EQ(recipe.training.betas.second, 0.95);
  EXPECT_EQ(recipe.compute.threads, 2);
  EXPECT_EQ(recipe.compute.seed, 7U);
}

TEST(Recipe, rules_come_first_and_inherit) {
  const Recipe recipe = parse_recipe(kFull, "recipe.yaml", "folder");
  const std::vector<Rule> rules = make_rules(recipe.adapter);
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_THAT(rules[0].targets, ElementsAre("*.self_attn.*"));
  EXPECT_EQ(rules[0].adapter.rank, 64);
  EXPECT_DOUBLE_EQ(rules[0].adapter.alpha, 16.0);
  EXPECT_THAT(rules[0].excludes, ElementsAre("*.layers.{0..3}.*"));
  EXPECT_EQ(rules[1].adapter.rank, 8);
  EXPECT_TRUE(rules[1].written_by_person);
}

TEST(Recipe, defaults_are_not_written_by_a_person) {
  const std::vector<Rule> rules = make_rules(make_recipe({}).adapter);
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_THAT(rules[0].targets, ElementsAre("all-linear"));
  EXPECT_FALSE(rules[0].written_by_person);
  EXPECT_EQ(make_recipe({}).training.epochs, 2.0);
}

TEST(Recipe, only_rules_select_when_no_targets_are_written) {
  const Recipe recipe = parse_recipe("adapter: {rules: [{targets: [q_proj]}]}",
                                     "recipe.yaml", "");
  ASSERT_EQ(make_rules(recipe.adapter).size(), 1U);
  const Recipe again = parse_recipe(recipe_to_yaml(recipe), "printed.yaml", "");
  EXPECT_EQ(make_rules(again.adapter).size(), 1U);
}

// What a hit of the rule gets is nothing: settings beside it would mislead.
TEST(Recipe, a_rule_may_give_nothing) {
  const Recipe recipe = parse_recipe(
      "adapter: {targets: all-linear, rules: [{targets: kind=router, adapt: "
      "false}, {targets: [q_proj], rank: 64}]}",
      "recipe.yaml", "");
  const std::vector<Rule> rules = make_rules(recipe.adapter);
  ASSERT_EQ(rules.size(), 3U);
  EXPECT_FALSE(rules[0].adapt);
  EXPECT_TRUE(rules[1].adapt);
  EXPECT_TRUE(rules[2].adapt);
  const Recipe again = parse_recipe(recipe_to_yaml(recipe), "printed.yaml", "");
  EXPECT_EQ(again.adapter.rules, recipe.adapter.rules);
}

// Nothing but rules that give nothing: they are exceptions to the default.
TEST(Recipe, rules_that_all_give_nothing_leave_the_default) {
  const Recipe recipe = make_recipe(
      {{"adapter.rules", "[{targets: [kind=router], adapt: false}]", "--set"}});
  ASSERT_EQ(make_rules(recipe.adapter).size(), 2U);
  EXPECT_THAT(make_rules(recipe.adapter)[1].targets, ElementsAre("all-linear"));
  EXPECT_FALSE(make_rules(recipe.adapter)[1].written_by_person);
  const Recipe again = parse_recipe(recipe_to_yaml(recipe), "printed.yaml", "");
  EXPECT_EQ(make_rules(again.adapter).size(), 2U);
}

TEST(Recipe, one_text_in_peft_syntax_is_a_regular_expression) {
  const Recipe text =
      make_recipe({{"adapter.syntax", "peft", "--set"},
                   {"adapter.targets", ".*self_attn.*", "--set"}});
  EXPECT_TRUE(make_rules(text.adapter)[0].peft.targets_regex);
  const Recipe list = make_recipe({{"adapter.syntax", "peft", "--set"},
                                   {"adapter.targets", "[q_proj]", "--set"}});
  EXPECT_FALSE(make_rules(list.adapter)[0].peft.targets_regex);
  const Recipe all = make_recipe({{"adapter.syntax", "peft", "--set"}});
  EXPECT_FALSE(make_rules(all.adapter)[0].peft.targets_regex);
}

TEST(Recipe, settings_win_over_the_file) {
  const Recipe recipe = parse_recipe(
      kFull, "recipe.yaml", "folder",
      {parse_setting("adapter.targets=q_proj,*.layers.{0,1}.*", "--set"),
       parse_setting("training.epochs=1.5", "--set"),
       parse_setting("data.train=typed.jsonl", "--set"),
       parse_setting("training.betas=0.8,0.9", "--set")});
  EXPECT_THAT(recipe.adapter.base.targets.entries,
              ElementsAre("q_proj", "*.layers.{0,1}.*"));
  EXPECT_EQ(recipe.training.steps, std::nullopt);
  EXPECT_EQ(recipe.training.epochs, 1.5);
  EXPECT_EQ(recipe.data.train, "typed.jsonl");
  EXPECT_DOUBLE_EQ(recipe.training.betas.first, 0.8);
}

TEST(Recipe, printed_form_reads_back) {
  const Recipe recipe = parse_recipe(kFull, "recipe.yaml", "/folder");
  const Recipe again =
      parse_recipe(recipe_to_yaml(recipe), "printed.yaml", "/other");
  EXPECT_EQ(option_values(recipe), option_values(again));
  EXPECT_EQ(recipe_to_yaml(recipe), recipe_to_yaml(again));
  const Recipe defaults = make_recipe({});
  EXPECT_EQ(option_values(defaults),
            option_values(
                parse_recipe(recipe_to_yaml(defaults), "printed.yaml", "")));
}

TEST(Recipe, model_beside_the_recipe_is_a_path) {
  const test::TemporaryDirectory folder;
  std::filesystem::create_directory(folder.path() / "model");
  const auto file = folder.write("r.yaml", "model: model\n");
  EXPECT_EQ(load_recipe(file).model, (folder.path() / "model").string());
  folder.write("r.yaml", "model: org/name\n");
  EXPECT_EQ(load_recipe(file).model, "org/name");
}

struct BadRow {
  const char* yaml;
  const char* message;
};

TEST(Recipe, bad_input_names_line_and_cause) {
  const BadRow rows[] = {
      {"model: m\nadapter:\n  lora_r: 8\n",
       "recipe.yaml:3: unknown key 'adapter.lora_r': graft calls it "
       "adapter.rank"},
      {"r: 8\n", "recipe.yaml:1: unknown key 'r': graft calls it adapter.rank"},
      {"learning_rate: 1\n", "graft calls it training.learning_rate"},
      {"training: {lr: 1}\n", "graft calls it training.learning_rate"},
      {"sequence_len: 1\n", "graft calls it data.max_length"},
      {"training: {scedule: cosine}\n", "Nearest: training.schedule"},
      {"a: 1\nrank: 2\n", "2 problems"},
      {"training: {steps: 3, epochs: 1}\n", "exclude each other"},
      {"adapter: {rank: 0}\n",
       "recipe.yaml:1: adapter.rank: got '0', expected a whole number"},
      {"adapter: {rank: 1.5}\n", "adapter.rank: got '1.5'"},
      {"adapter:\n  rank: 4\n  rank: 8\n",
       "recipe.yaml:3: key 'adapter.rank' is given twice"},
      {"training: {learning_rate: nan}\n", "learning_rate: got 'nan'"},
      {"adapter: {dropout: 1}\n", "a number >= 0 and < 1"},
      {"training: {schedule: step}\n", "cosine | linear | constant"},
      {"data: {packing: yes}\n", "got 'yes', expected auto | on | off"},
      {"adapter: {kind: dora}\n", "'dora' is not built in this version"},
      {"compute: {checkpoint_activations: 1}\n", "auto | on | off"},
      {"adapter: 3\n", "'adapter' must be a mapping"},
      {"adapter: {targets: []}\n", "empty list"},
      {"adapter:\n  targets: [*.q_proj]\n", "needs quotes"},
      {"adapter: {rules: [{rank: 3}]}\n", "a rule needs targets"},
      {"adapter: {rules: [{targets: q, adapt: false, rank: 3}]}\n",
       "rank has no meaning beside adapt: false"},
      {"adapter: {rules: [{targets: q, adapt: maybe}]}\n", "true or false"},
      {"adapter: {adapt: false}\n", "a rule has it"},
      {"adapter: {rules: [{targets: q, rang: 3}]}\n", "Nearest: adapter.rank"},
      {"- a\n", "a recipe is a mapping"},
      {"a: [1\n", "no valid YAML"},
      {"training: {batch_size: 2, micro_batch_size: 4}\n",
       "more than training.batch_size"},
      {"training: {early_stopping: 2}\n", "needs data.eval"},
      {"? [a]\n: 1\n", "a key must be a word"},
  };
  for (const BadRow& row : rows) {
    EXPECT_THAT(problem_of(row.yaml), HasSubstr(row.message)) << row.yaml;
  }
}

TEST(Recipe, bad_settings_name_their_place) {
  EXPECT_THAT(problem_of("", {{"adapter.rang", "3", "--set"}}),
              HasSubstr("--set: unknown key 'adapter.rang'. Nearest: "));
  EXPECT_THAT(problem_of("model: m\n", {{"adapter.rank", "x", "--rank"}}),
              HasSubstr("--rank: adapter.rank: got 'x'"));
  EXPECT_THROW(parse_setting("adapter.rank", "--set"), ConfigError);
  EXPECT_THROW(load_recipe("no/such/recipe.yaml"), ConfigError);
}

TEST(Recipe, hostile_text_is_refused_quickly) {
  EXPECT_THAT(problem_of(std::string(100000, '[')), HasSubstr("recipe.yaml"));
  EXPECT_THAT(problem_of(std::string(3 << 20, ' ')), HasSubstr("1 MiB"));
}

TEST(Recipe, documentation_lists_every_key) {
  const std::string page = test::read_text(test::source_path("docs/recipe.md"));
  EXPECT_THAT(page, HasSubstr(options_to_markdown()));
}

TEST(Recipe, flags_are_unique) {
  std::vector<std::string> flags;
  for (const OptionInfo& option : recipe_options()) {
    flags.push_back(option.flag());
  }
  std::sort(flags.begin(), flags.end());
  EXPECT_EQ(std::adjacent_find(flags.begin(), flags.end()), flags.end());
}

}  // namespace
}  // namespace graft
