// The keys that only syntax peft has: read, taken over by rules, printed back,
// and refused elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/recipe/option.h"
#include "graft/recipe/recipe.h"

namespace graft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr char kAll[] = R"(model: base
adapter:
  syntax: peft
  targets: [q_proj, down_proj]
  layers_to_transform: [0, 2]
  layers_pattern: [layers, h]
  rank_pattern: {down_proj: 16, 'layers\.0\.self_attn': 4}
  alpha_pattern: {q_proj: 0.5}
  target_parameters: [experts.down_proj]
  modules_to_save: lm_head
)";

Recipe parse(const std::string& yaml) {
  return parse_recipe(yaml, "recipe.yaml", "folder");
}

std::string problem_of(const std::string& yaml) {
  try {
    parse(yaml);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no problem";
}

TEST(PeftKeys, become_the_fields_of_a_rule) {
  const std::vector<Rule> rules = make_rules(parse(kAll).adapter);
  ASSERT_EQ(rules.size(), 1u);
  const PeftFields& fields = rules[0].peft;
  EXPECT_THAT(*fields.layers_to_transform, ElementsAre(0, 2));
  EXPECT_THAT(fields.layers_pattern, ElementsAre("layers", "h"));
  EXPECT_THAT(
      fields.rank_pattern,
      ElementsAre(Pair("down_proj", 16), Pair("layers\\.0\\.self_attn", 4)));
  EXPECT_THAT(fields.alpha_pattern, ElementsAre(Pair("q_proj", 0.5)));
  EXPECT_THAT(fields.target_parameters, ElementsAre("experts.down_proj"));
  EXPECT_THAT(fields.modules_to_save, ElementsAre("lm_head"));
  EXPECT_FALSE(fields.targets_regex);
  EXPECT_FALSE(fields.targets_listed);
  EXPECT_THAT(rules[0].places,
              ElementsAre("recipe.yaml:4", "recipe.yaml:4", "recipe.yaml:9"));
}

TEST(PeftKeys, are_unset_by_default) {
  const Recipe recipe =
      parse("adapter: {syntax: peft, layers_to_transform: 3}\n");
  EXPECT_THAT(*make_rules(recipe.adapter)[0].peft.layers_to_transform,
              ElementsAre(3));
  const Recipe bare = parse("adapter: {syntax: peft, rank_pattern: {}}\n");
  EXPECT_EQ(make_rules(bare.adapter)[0].peft, PeftFields());
}

TEST(PeftKeys, may_be_typed_as_settings) {
  const Recipe recipe =
      make_recipe({{"adapter.syntax", "peft", "--syntax"},
                   {"adapter.targets", "[q_proj]", "--target"},
                   {"adapter.layers_to_transform", "0,1", "--set"},
                   {"adapter.rank_pattern", "{q_proj: 4}", "--set"},
                   {"adapter.target_parameters", "up", "--set"},
                   {"adapter.modules_to_save", "a,b", "--set"}});
  const PeftFields fields = make_rules(recipe.adapter)[0].peft;
  EXPECT_THAT(*fields.layers_to_transform, ElementsAre(0, 1));
  EXPECT_THAT(fields.rank_pattern, ElementsAre(Pair("q_proj", 4)));
  EXPECT_THAT(fields.modules_to_save, ElementsAre("a", "b"));
  EXPECT_THAT(fields.target_parameters, ElementsAre("up"));
}

TEST(PeftKeys, parameters_alone_select_no_layer) {
  const Recipe recipe = parse(
      "adapter:\n  syntax: peft\n  target_parameters: [experts.up]\n  rules:\n"
      "    - {targets: [q_proj]}\n    - {target_parameters: [experts.gate]}\n");
  const std::vector<Rule> rules = make_rules(recipe.adapter);
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_THAT(rules[0].peft.target_parameters, IsEmpty());
  EXPECT_THAT(rules[0].targets, ElementsAre("q_proj"));
  for (const std::size_t i : {1u, 2u}) {
    EXPECT_THAT(rules[i].targets, IsEmpty());
    EXPECT_TRUE(rules[i].peft.targets_listed);
    EXPECT_TRUE(rules[i].written_by_person);
  }
  EXPECT_THAT(rules[1].places, ElementsAre("recipe.yaml:6"));
  EXPECT_THAT(rules[2].places, ElementsAre("recipe.yaml:3"));
  const Recipe again = parse(recipe_to_yaml(recipe));
  EXPECT_EQ(option_values(recipe), option_values(again));
  EXPECT_EQ(make_rules(again.adapter).size(), 3u);
}

TEST(PeftKeys, rules_take_over_what_they_do_not_set) {
  const Recipe recipe = parse(std::string(kAll) + R"(  rules:
    - {targets: [o_proj], rank_pattern: {o_proj: 2}}
    - {targets: [k_proj], layers_to_transform: null, layers_pattern: []}
    - {targets: ["*.v_proj"], syntax: glob}
)");
  const std::vector<Rule> rules = make_rules(recipe.adapter);
  ASSERT_EQ(rules.size(), 4u);
  EXPECT_THAT(rules[0].peft.rank_pattern, ElementsAre(Pair("o_proj", 2)));
  EXPECT_THAT(*rules[0].peft.layers_to_transform, ElementsAre(0, 2));
  EXPECT_FALSE(rules[1].peft.layers_to_transform);
  EXPECT_THAT(rules[1].peft.layers_pattern, IsEmpty());
  EXPECT_EQ(rules[2].peft, PeftFields());
  const Recipe again = parse(recipe_to_yaml(recipe));
  EXPECT_EQ(option_values(recipe), option_values(again));
  const std::vector<Rule> printed = make_rules(again.adapter);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    EXPECT_EQ(printed[i].peft, rules[i].peft) << i;
  }
}

TEST(PeftKeys, are_not_printed_in_other_syntaxes) {
  EXPECT_THAT(recipe_to_yaml(parse("adapter: {rank: 4}\n")),
              Not(HasSubstr("rank_pattern")));
  EXPECT_THAT(recipe_to_yaml(parse("adapter: {syntax: peft}\n")),
              HasSubstr("rank_pattern: {}"));
}

TEST(PeftKeys, bad_ones_name_line_and_cause) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"adapter:\n  rank_pattern: {q: 4}\n",
       "recipe.yaml:2: adapter.rank_pattern needs syntax: peft, got glob; "
       "rules say it"},
      {"adapter:\n  syntax: megatron\n  layers_to_transform: 3\n",
       ":3: adapter.layers_to_transform needs syntax: peft, got megatron"},
      {"adapter: {modules_to_save: [a]}\n", "modules_to_save needs syntax"},
      {"adapter: {rules: [{targets: q, target_parameters: [a]}]}\n",
       "in a rule: target_parameters needs syntax: peft, got glob"},
      {"adapter: {syntax: peft, layers_to_transform: []}\n", "empty list"},
      {"adapter: {syntax: peft, layers_to_transform: [-1]}\n", "got '-1'"},
      {"adapter: {syntax: peft, layers_to_transform: [1.5]}\n", "got '1.5'"},
      {"adapter: {syntax: peft, layers_to_transform: {a: 1}}\n", "a mapping"},
      {"adapter: {syntax: peft, layers_pattern: [[a]]}\n", "got a list"},
      {"adapter: {syntax: peft, rank_pattern: [q]}\n", "expected a mapping"},
      {"adapter: {syntax: peft, rank_pattern: {q: 0}}\n",
       "adapter.rank_pattern: 'q': got '0', expected a whole number"},
      {"adapter: {syntax: peft, rank_pattern: {q: 2, q: 3}}\n",
       "key 'q' is given twice"},
      {"adapter: {syntax: peft, rank_pattern: {'': 2}}\n", "a key is empty"},
      {"adapter: {syntax: peft, alpha_pattern: {q: 0}}\n", "a number > 0"},
      {"adapter: {syntax: peft, target_parameters: ['']}\n", "got ''"},
      {"adapter: {syntax: peft, target_parameters: a.b}\n",
       "got 'a.b', expected a list of names"},
      {"adapter: {syntax: peft, rules: [{targets: q, adapt: false, "
       "rank_pattern: {q: 2}}]}\n",
       "rank_pattern has no meaning beside adapt: false"},
      {"rank_pattern: {q: 2}\n", "graft calls it adapter.rank_pattern"},
      {"adapter: {lora_layers_to_transform: 2}\n", "layers_to_transform"}};
  for (const auto& [yaml, message] : rows) {
    EXPECT_THAT(problem_of(yaml), HasSubstr(message)) << yaml;
  }
}

}  // namespace
}  // namespace graft
