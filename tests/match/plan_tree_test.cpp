// The model as a tree.
#include "graft/match/plan_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_bare_inventory;
using test::make_llama_inventory;
using test::make_moe_inventory;
using test::make_rule;
using test::select;
using testing::HasSubstr;
using testing::Not;

TEST(PlanTree, folds_layers_that_are_alike) {
  Rule queries = make_rule({"*.layers.{2..}.*.q_proj"});
  queries.adapter.rank = 4;
  const Inventory inventory = make_llama_inventory(6);
  test::expect_golden(
      plan_tree_to_text(
          inventory,
          select(inventory, {queries, make_rule({"*.mlp.*", "v_proj"},
                                                {"*.layers.5.*"})})),
      "tree.txt");
}

TEST(PlanTree, folds_experts_that_are_alike) {
  const Inventory inventory = make_moe_inventory();
  test::expect_golden(
      plan_tree_to_text(inventory,
                        select(inventory, {make_rule({"kind=expert", "o_proj"},
                                                     {"*.experts.2.*"})})),
      "tree_moe.txt");
}

TEST(PlanTree, one_difference_keeps_a_layer_apart) {
  Inventory inventory = make_llama_inventory(4);
  const auto tree = [&] {
    return plan_tree_to_text(inventory,
                             select(inventory, {make_rule({"o_proj"})}));
  };
  EXPECT_THAT(tree(), HasSubstr("decoder.layers.{0-3}"));
  for (ModuleInfo& info : inventory.modules) {
    if (info.path == "decoder.layers.2.mlp.linear_fc2") info.in += 4;
  }
  EXPECT_THAT(tree(), HasSubstr("{0-1,3}"));
  EXPECT_THAT(tree(), Not(HasSubstr("{0-3}")));
}

TEST(PlanTree, shows_bare_names) {
  const Inventory inventory = make_bare_inventory({"a", "b.0.c", "b.1.c"});
  const std::string text =
      plan_tree_to_text(inventory, select(inventory, {make_rule({"c"})}));
  EXPECT_THAT(text, HasSubstr("b.{0-1}.c  ?  lora, rank 32"));
}

}  // namespace
}  // namespace graft
