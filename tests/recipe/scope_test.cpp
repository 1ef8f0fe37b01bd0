// Keys that mean nothing to a command, places of entries, and adapter keys
// beside method: full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/recipe/recipe.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const KeyScope kScope{"eval", {"data.max_length", "compute.threads"}};

std::string error_of(const std::vector<Setting>& settings) {
  try {
    make_recipe(settings, kScope);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(KeyScope, takes_its_keys_alone) {
  EXPECT_EQ(make_recipe({{"compute.threads", "3", "--threads"}}, kScope)
                .compute.threads,
            3);
  EXPECT_THAT(error_of({{"training.steps", "3", "--set"}}),
              AllOf(HasSubstr("--set: 'training.steps' means nothing to graft "
                              "eval, which takes data.max_length, "),
                    HasSubstr("compute.threads")));
  EXPECT_THAT(error_of({{"compute", "{threads: 1, seed: 2}", "--set"}}),
              HasSubstr("'compute.seed' means nothing"));
  EXPECT_THAT(error_of({{"adapter.rules", "[{targets: [a]}]", "--set"}}),
              HasSubstr("'adapter.rules' means nothing"));
  EXPECT_THAT(error_of({{"lora_r", "3", "--set"}}), HasSubstr("adapter.rank"));
}

TEST(KeyScope, lets_a_recipe_hold_other_keys) {
  const test::TemporaryDirectory folder;
  const auto path = folder.write("r.yaml", "training: {steps: 3}\n");
  const std::vector<Setting> good = {{"compute.threads", "2", "--threads"}};
  const Recipe recipe = load_recipe(path, good, kScope);
  EXPECT_EQ(recipe.training.steps, 3);
  EXPECT_EQ(recipe.compute.threads, 2);
  EXPECT_THROW(load_recipe(path, {{"training.steps", "4", "--set"}}, kScope),
               ConfigError);
}

std::vector<std::string> places_of(const std::vector<Rule>& rules) {
  std::vector<std::string> out;
  for (const Rule& rule : rules) {
    for (std::size_t i = 0; i < rule.targets.size(); ++i) {
      out.push_back(rule.targets[i] + " " + rule.places.at(i));
    }
  }
  return out;
}

TEST(Places, of_entries_are_lines_or_flags) {
  const char* yaml =
      "adapter:\n  targets: [a,\n    b]\n  rules:\n    - {targets: c}\n"
      "    - targets:\n        - d\n        - e\n";
  const Recipe recipe = parse_recipe(yaml, "r.yaml", {});
  EXPECT_THAT(places_of(make_rules(recipe.adapter)),
              ElementsAre("c r.yaml:5", "d r.yaml:7", "e r.yaml:8",
                          "a r.yaml:2", "b r.yaml:3"));
  const Recipe set =
      parse_recipe(yaml, "r.yaml", {},
                   {{"adapter.targets", "x,y", "--target"},
                    {"adapter.rules", "[{targets: [z]}]", "--set"}});
  EXPECT_THAT(places_of(make_rules(set.adapter)),
              ElementsAre("z --set", "x --target", "y --target"));
  EXPECT_TRUE(make_rules(Recipe{}.adapter).front().places.empty());
}

TEST(MethodFull, refuses_adapter_keys_with_their_places) {
  try {
    parse_recipe("method: full\nadapter:\n  rank: 4\n", "r.yaml", {},
                 {{"adapter.alpha", "2", "--alpha"}});
    FAIL() << "no error";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("r.yaml:3: adapter.rank has no"));
    EXPECT_THAT(error.what(), HasSubstr("--alpha: adapter.alpha has no"));
  }
  const Recipe full = parse_recipe("method: full\n", "r.yaml", {});
  const std::string text = recipe_to_yaml(full);
  EXPECT_THAT(text, testing::Not(HasSubstr("adapter")));
  EXPECT_EQ(recipe_to_yaml(parse_recipe(text, "r.yaml", {})), text);
}

}  // namespace
}  // namespace graft
