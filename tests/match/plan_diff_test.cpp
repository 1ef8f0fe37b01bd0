// What two selections disagree on.
#include "graft/match/plan_diff.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graft/match/plan_answers.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_llama_inventory;
using test::make_moe_inventory;
using test::make_rule;
using test::select;

PlanDiff moe_diff() {
  Rule experts = make_rule({"kind=expert"});
  experts.adapter.rank = 8;
  const Inventory inventory = make_moe_inventory();
  PlanDiff out = diff_plans(
      select(inventory, {make_rule({"kind=attention"})}),
      select(inventory, {experts, [] {
                           Rule rule = make_rule({"q_proj", "k_proj"});
                           rule.adapter.rank = 64;
                           rule.adapter.dropout = 0.1;
                           rule.excludes = {"*.layers.0.*"};
                           return rule;
                         }()}));
  out.from = "a.yaml";
  out.to = "b.yaml";
  return out;
}

TEST(PlanDiff, tells_gained_lost_and_changed) {
  const PlanDiff diff = moe_diff();
  EXPECT_EQ(diff.gained.size(), 36u);
  EXPECT_EQ(diff.lost.size(), 10u);
  EXPECT_EQ(diff.changed.size(), 6u);
  test::expect_golden(plan_diff_to_text(diff), "diff.txt");
}

TEST(PlanDiff, equal_plans_have_none) {
  const Plan plan =
      select(make_llama_inventory(2), {make_rule({"all-linear"})});
  const PlanDiff diff = diff_plans(plan, plan);
  EXPECT_TRUE(diff.empty());
  EXPECT_EQ(plan_diff_to_text(diff),
            "From models/small to models/small: no difference\n");
}

// The same rows in another form are other modules.
TEST(PlanDiff, a_fused_adapter_is_not_its_parts) {
  const Inventory inventory = make_llama_inventory(1);
  const PlanDiff diff =
      diff_plans(select(inventory, {make_rule({"linear_qkv"})}),
                 select(inventory, {make_rule({"*_proj"}, {"*.mlp.*"})}));
  EXPECT_EQ(diff.lost.size(), 1u);
  EXPECT_EQ(diff.gained.size(), 4u);
}

TEST(PlanDiff, is_part_of_the_json) {
  PlanAnswers answers;
  answers.diff = moe_diff();
  const auto json = nlohmann::json::parse(plan_to_json(Plan{}, answers));
  const auto& diff = json.at("diff");
  EXPECT_EQ(diff.at("from"), "a.yaml");
  EXPECT_EQ(diff.at("gained").size(), 36u);
  EXPECT_EQ(diff.at("changed").at(0).at("from").at("rank"), 32);
  EXPECT_EQ(diff.at("changed").at(0).at("to").at("rank"), 64);
}

}  // namespace
}  // namespace graft
