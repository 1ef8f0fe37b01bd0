// Why single modules are adapted or not.
#include "graft/match/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "graft/match/plan_answers.h"
#include "graft/match/selector.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_hf_names_inventory;
using test::make_llama_inventory;
using test::make_moe_inventory;
using test::make_rule;
using testing::HasSubstr;

// Four rules on the Llama: one that holds back, two that adapt, one too late.
std::vector<Rule> llama_rules() {
  Rule held = make_rule({"k_proj"});
  held.adapt = false;
  Rule queries = make_rule({"*.layers.{2..}.*.q_proj"});
  queries.adapter.rank = 4;
  queries.places = {"recipe.yaml:7"};
  const Rule rest =
      make_rule({"linear_qkv", "*.mlp.*"}, {"*.layers.0.*", "up_proj"});
  return {held, queries, rest, make_rule({"all-linear"}, {"*.layers.3.*"})};
}

Explanation explain(const std::string& path) {
  return Selector::compile(llama_rules())
      .explain(make_llama_inventory(4), path);
}

std::string outcomes(const Explanation& explanation) {
  std::string out;
  for (const EntryTrial& trial : explanation.trials) {
    if (!out.empty()) out += ' ';
    out += std::to_string(trial.rule + 1) + ":" +
           std::string(trial_outcome_name(trial.outcome));
  }
  return out;
}

struct ExplainCase {
  const char* path;
  const char* outcomes;
  std::size_t sites;
};

TEST(Explanation, knows_every_outcome_in_both_worlds) {
  const ExplainCase cases[] = {
      {"model.layers.2.self_attn.q_proj", "2:wins 3:taken 4:taken", 1},
      {"decoder.layers.2.self_attention.linear_q", "2:wins 3:taken 4:taken", 1},
      {"model.layers.1.self_attn.q_proj", "3:wins 4:taken", 1},
      {"model.layers.1.self_attn.k_proj", "1:holds 3:taken 4:taken", 0},
      {"model.layers.0.mlp.down_proj", "3:excluded 4:wins", 1},
      {"model.layers.3.mlp.up_proj", "3:excluded 4:excluded", 0},
      {"model.layers.3.self_attn.o_proj", "4:excluded", 0},
      {"lm_head", "4:head_skipped", 0},
      {"output_layer.weight", "4:head_skipped", 0},
      {"model.embed_tokens", "", 0},
  };
  for (const ExplainCase& row : cases) {
    const Explanation explanation = explain(row.path);
    EXPECT_EQ(outcomes(explanation), row.outcomes) << row.path;
    EXPECT_EQ(explanation.sites.size(), row.sites) << row.path;
  }
}

TEST(Explanation, tells_every_part_of_a_whole_layer) {
  const Explanation qkv = explain("decoder.layers.2.self_attention.linear_qkv");
  EXPECT_EQ(outcomes(qkv),
            "1:holds 2:wins 3:taken 3:taken 3:wins 4:taken "
            "4:taken 4:taken");
  ASSERT_EQ(qkv.sites.size(), 2u);
  EXPECT_EQ(qkv.sites[0].component, "linear_q");
  EXPECT_EQ(qkv.sites[1].component, "linear_v");
}

TEST(Explanation, prints_as_text) {
  std::string text;
  for (const char* path :
       {"model.layers.2.self_attn.q_proj", "model.layers.2.self_attn.k_proj",
        "model.layers.0.mlp.down_proj", "model.layers.3.mlp.up_proj",
        "decoder.layers.1.mlp.linear_fc1", "lm_head",
        "decoder.layers.0.input_layernorm"}) {
    text += explanation_to_text(explain(path)) + '\n';
  }
  const Selector few =
      Selector::compile({make_rule({"*.layers.{0..1}.*.o_proj", "lm_haed"})});
  const Inventory inventory = make_hf_names_inventory(4);
  for (const char* path : {"model.layers.3.self_attn.o_proj", "lm_head",
                           "model.layers.3.mlp.up_proj"}) {
    text += explanation_to_text(few.explain(inventory, path)) + '\n';
  }
  test::expect_golden(text, "explanation.txt");
}

TEST(Explanation, names_the_nearest_entries) {
  const Selector selector = Selector::compile(
      {make_rule({"kind=expert:*.experts.{0..1}.up_proj", "q_proj"})});
  const Explanation near = selector.explain(
      make_moe_inventory(), "model.layers.2.mlp.experts.3.up_proj");
  ASSERT_EQ(near.nearest.size(), 1u);
  EXPECT_EQ(near.nearest[0].entry, "kind=expert:*.experts.{0..1}.up_proj");
  EXPECT_EQ(near.nearest[0].reason, "hits it in layers 1-3, experts 0-1");
}

TEST(Explanation, unknown_paths_are_errors_with_names) {
  const auto error_of = [](const std::string& path) -> std::string {
    try {
      explain(path);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(error_of("model.layers.0.mlp.down_porj"),
              HasSubstr("names no module of the model, in either naming. "
                        "Nearest: model.layers.0.mlp.down_proj"));
  EXPECT_THAT(error_of("q_proj"),
              HasSubstr("4 modules end in it: give one path, for instance "
                        "model.layers.0.self_attn.q_proj"));
  EXPECT_THAT(error_of(""), HasSubstr("names no module"));
}

TEST(Explanation, a_shared_module_is_the_earlier_one) {
  Inventory inventory = make_hf_names_inventory(2);
  inventory.modules.back().same_as = 1;
  const Explanation explanation =
      Selector::compile({make_rule({"q_proj"})})
          .explain(inventory, inventory.modules.back().path);
  EXPECT_EQ(explanation.same_as, inventory.modules[1].path);
}

TEST(Explanation, is_part_of_the_json) {
  const std::vector<Rule> rules = llama_rules();
  const Inventory inventory = make_llama_inventory(4);
  PlanAnswers answers;
  answers.explanations = {explain("model.layers.2.self_attn.q_proj")};
  const auto json = nlohmann::json::parse(
      plan_to_json(test::select(inventory, rules), answers));
  const auto& given = json.at("explanations").at(0);
  EXPECT_EQ(given.at("path"), "decoder.layers.2.self_attention.linear_q");
  EXPECT_EQ(given.at("trials").at(0).at("outcome"), "wins");
  EXPECT_EQ(given.at("trials").at(0).at("place"), "recipe.yaml:7");
  EXPECT_EQ(given.at("sites").at(0).at("adapter").at("rank"), 4);
  EXPECT_FALSE(json.contains("diff"));
}

}  // namespace
}  // namespace graft
