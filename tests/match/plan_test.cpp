// Sizes, layer lists, and the plan as text and JSON.
#include "graft/match/plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::expect_golden;
using test::make_bare_inventory;
using test::make_hf_names_inventory;
using test::make_llama_inventory;
using test::make_moe_inventory;
using test::make_rule;
using test::select;

TEST(Plan, compresses_layers) {
  EXPECT_EQ(compress_layers({}), "");
  EXPECT_EQ(compress_layers({5}), "5");
  EXPECT_EQ(compress_layers({2, 1, 0, 2}), "0-2");
  EXPECT_EQ(compress_layers({0, 2, 4, 5, 6, 10}), "0,2,4-6,10");
}

TEST(Plan, scale_follows_the_setting) {
  AdapterSettings settings;
  settings.rank = 16;
  settings.alpha = 8;
  EXPECT_DOUBLE_EQ(lora_scale(settings), 0.5);
  settings.rslora = true;
  EXPECT_DOUBLE_EQ(lora_scale(settings), 2.0);
}

TEST(Plan, counts_parameters) {
  Site site;
  site.in = 10;
  site.rows = {4, 10};
  site.adapter.rank = 2;
  EXPECT_EQ(site.parameter_count(), 2 * (10 + 6));
  site.adapter.kind = AdapterKind::kDora;
  EXPECT_EQ(site.parameter_count(), 2 * (10 + 6) + 6);
}

TEST(Plan, path_of_a_part_replaces_the_last_name) {
  Site site;
  site.module = "a.b.linear_qkv";
  EXPECT_EQ(site.path(), "a.b.linear_qkv");
  site.component = "linear_q";
  EXPECT_EQ(site.path(), "a.b.linear_q");
  site.module = "linear_qkv";
  EXPECT_EQ(site.path(), "linear_q");
}

TEST(Rule, names_go_both_ways) {
  for (const PatternSyntax syntax :
       {PatternSyntax::kGlob, PatternSyntax::kMegatron, PatternSyntax::kPeft}) {
    EXPECT_EQ(pattern_syntax_from_name(pattern_syntax_name(syntax)), syntax);
  }
  for (const AdapterKind kind :
       {AdapterKind::kLora, AdapterKind::kCanonicalLora, AdapterKind::kDora}) {
    EXPECT_EQ(adapter_kind_from_name(adapter_kind_name(kind)), kind);
  }
  for (const AdapterInit init :
       {AdapterInit::kKaiming, AdapterInit::kXavier, AdapterInit::kGaussian,
        AdapterInit::kNormal}) {
    EXPECT_EQ(adapter_init_from_name(adapter_init_name(init)), init);
  }
  EXPECT_FALSE(pattern_syntax_from_name("regex"));
}

Plan sample_plan() {
  Rule queries = make_rule({"*.layers.{2..}.*.q_proj", "q_porj"});
  queries.adapter.rank = 4;
  queries.adapter.alpha = 6;
  const Rule rest = make_rule({"all-linear"}, {"*.layers.0.*", "k_proj"});
  return select(make_llama_inventory(4), {queries, rest});
}

TEST(Plan, prints_as_text) {
  expect_golden(plan_to_text(sample_plan()), "plan.txt");
  expect_golden(plan_to_text(select(make_hf_names_inventory(2),
                                    {make_rule({"q_proj", "down_proj"})})),
                "plan_hf_names.txt");
}

// "Rank 64 on attention of layers 2 and 3, rank 8 on experts, nothing on the
// router", and a list of layers too long for its column.
std::vector<Rule> moe_rules() {
  Rule router = make_rule({"kind=router"});
  router.adapt = false;
  Rule attention = make_rule({"kind=attention:*.layers.{2..3}.*"});
  attention.adapter.rank = 64;
  Rule experts = make_rule({"kind=expert"}, {"*.experts.3.down_proj"});
  experts.adapter.rank = 8;
  experts.adapter.dropout = 0.05;
  return {router, attention, experts};
}

TEST(Plan, prints_experts_and_rules_that_give_nothing) {
  expect_golden(plan_to_text(select(make_moe_inventory(), moe_rules())),
                "plan_moe.txt");
}

TEST(Plan, prints_long_lists_of_layers_below_each_other) {
  std::vector<std::string> names;
  for (int layer = 0; layer < 60; layer += 2) {
    names.push_back("model.layers." + std::to_string(layer) + ".proj");
  }
  expect_golden(
      plan_to_text(select(make_bare_inventory(names), {make_rule({"proj"})})),
      "plan_names.txt");
}

TEST(Plan, bare_names_have_no_sizes) {
  const Plan plan = select(make_bare_inventory({"a.q", "a.k"}),
                           {make_rule({"q"}), make_rule({"*"})});
  EXPECT_EQ(test::site_paths(plan), "a.q a.k");
  EXPECT_EQ(plan.sites[0].rule, 0u);
  EXPECT_EQ(plan.sites[1].rule, 1u);
  EXPECT_FALSE(plan.has_shapes());
  const auto json = nlohmann::json::parse(plan_to_json(plan));
  EXPECT_TRUE(json.at("trainable_parameters").is_null());
  EXPECT_TRUE(json.at("sites").at(0).at("parameters").is_null());
}

TEST(Plan, prints_as_json) {
  const std::string text = plan_to_json(sample_plan());
  expect_golden(text, "plan.json");
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json.at("schema"), "graft.plan/1");
  EXPECT_EQ(json.at("sites").size(), sample_plan().sites.size());
}

TEST(Plan, json_survives_names_that_are_not_utf8) {
  Plan plan;
  plan.source = "\xFF";
  EXPECT_NO_THROW(plan_to_json(plan));
}

}  // namespace
}  // namespace graft
