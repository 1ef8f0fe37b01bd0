// Grouped experts and routers under all three syntaxes: what hits them, what
// they get, and how it is shown. Decisions: docs/design/17-experts.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_expert_inventory;
using test::make_rule;
using test::select;
using test::site_paths;
using testing::ElementsAre;
using testing::HasSubstr;

struct EntryCase {
  const char* entry;
  const char* exclude;  // leaves little enough to write down
  const char* sites;
};

TEST(ExpertSelection, globs_take_all_experts_or_single_ones) {
  const EntryCase cases[] = {
      {"kind=expert", "*.layers.1.*",
       "0.experts.linear_fc1 0.experts.linear_fc2"},
      {"kind=grouped:linear_fc2", "q_proj",
       "0.experts.linear_fc2 1.experts.linear_fc2"},
      {"linear_fc1", "*.layers.0.*", "1.experts.linear_fc1"},
      {"gate_up_proj", "*.layers.0.*", "1.experts.linear_fc1"},
      {"model.layers.0.mlp.experts.*", "q_proj",
       "0.experts.linear_fc1 0.experts.linear_fc2"},
      {"*.layers.1.*", "kind=attention",
       "1.experts.linear_fc1 1.experts.linear_fc2"},
      {"kind=linear", "*.layers.0.*",
       "1.linear_qkv 1.linear_proj 1.experts.linear_fc1 1.experts.linear_fc2"},
      {"*.layers.0.*.experts.{1..2}.w2", "q_proj",
       "0.experts.linear_fc2.1 0.experts.linear_fc2.2"},
      {"linear_fc1_up", "*.experts.{0..2}.*",
       "0.experts.linear_fc1_up.3 1.experts.linear_fc1_up.3"},
      {"*.layers.0.*.linear_fc1", "*.experts.{1..3}.*",
       "0.experts.linear_fc1_gate.0 0.experts.linear_fc1_up.0"},
  };
  for (const EntryCase& row : cases) {
    const Plan plan = select(make_expert_inventory(),
                             {make_rule({row.entry}, {row.exclude})});
    EXPECT_EQ(site_paths(plan), row.sites) << row.entry;
  }
}

// Qwen3-MoE calls the matrix of one expert and the parameter of all down_proj:
// the common list of names means the matrices, a pattern of all means all.
TEST(ExpertSelection, names_of_matrices_stay_names_of_matrices) {
  Inventory inventory = make_expert_inventory();
  for (ModuleInfo& info : inventory.modules) {
    for (ModulePart& part : info.parts) {
      if (part.path.ends_with(".w2")) {
        part.path.replace(part.path.size() - 2, 2, "down_proj");
      }
    }
  }
  const auto experts = [&](const char* entry) {
    return site_paths(
        select(inventory, {make_rule({entry}, {"*.layers.1.*"})}));
  };
  const std::string each =
      "0.experts.linear_fc2.0 0.experts.linear_fc2.1 0.experts.linear_fc2.2 "
      "0.experts.linear_fc2.3";
  EXPECT_EQ(experts("down_proj"), each);
  EXPECT_EQ(experts("*.down_proj"), each);
  EXPECT_EQ(experts("kind=expert:down_proj"), each);
  EXPECT_EQ(experts("model.layers.0.mlp.experts.*"),
            "0.experts.linear_fc1 0.experts.linear_fc2");
  EXPECT_EQ(experts("linear_fc2"), "0.experts.linear_fc2");
}

TEST(ExpertSelection, all_linear_is_kind_linear) {
  for (const auto syntax : {PatternSyntax::kGlob, PatternSyntax::kMegatron}) {
    const Plan plan = select(make_expert_inventory(),
                             {make_rule({"all-linear"}, {}, syntax)});
    EXPECT_EQ(site_paths(plan),
              site_paths(select(make_expert_inventory(),
                                {make_rule({"kind=linear"})})));
  }
}

// A pattern of everything does not mean the router; a name or a kind does.
TEST(ExpertSelection, a_router_is_adapted_when_it_is_meant) {
  const auto routers = [](const char* entry, PatternSyntax syntax) {
    std::size_t count = 0;
    for (const Site& site :
         select(make_expert_inventory(), {make_rule({entry}, {}, syntax)})
             .sites) {
      count += site.layer_kind == LayerKind::kRouter;
    }
    return count;
  };
  for (const char* entry : {"router", "gate", "*.mlp.gate", "*.mlp.router",
                            "kind=router", "kind=router:*"}) {
    EXPECT_EQ(routers(entry, PatternSyntax::kGlob), 2u) << entry;
  }
  EXPECT_EQ(routers("kind=router:*.layers.1.*", PatternSyntax::kGlob), 1u);
  for (const char* entry : {"*.layers.0.*", "all-linear", "kind=mlp"}) {
    EXPECT_EQ(routers(entry, PatternSyntax::kGlob), 0u) << entry;
  }
  EXPECT_EQ(routers("*.layers.0.*", PatternSyntax::kMegatron), 1u);
  EXPECT_EQ(routers("all-linear", PatternSyntax::kMegatron), 0u);
}

// The reference's exclude mode takes neither grouped linears nor routers.
TEST(ExpertSelection, exclude_mode_passes_over_experts) {
  const Plan plan =
      select(make_expert_inventory(),
             {make_rule({}, {"linear_proj"}, PatternSyntax::kMegatron)});
  EXPECT_EQ(site_paths(plan), "0.linear_qkv 1.linear_qkv");
}

TEST(ExpertSelection, one_site_counts_all_experts) {
  const Plan plan =
      select(make_expert_inventory(), {make_rule({"linear_fc1"})});
  ASSERT_EQ(plan.sites.size(), 2u);
  const Site& site = plan.sites[0];
  EXPECT_EQ(site.experts, 4);
  EXPECT_EQ(site.rows, (RowSet{0, 48}));
  EXPECT_EQ(site.rows_of_expert(), 12);
  EXPECT_EQ(site.in, 8);
  EXPECT_EQ(site.expert, std::nullopt);
  EXPECT_EQ(site.hf_parameter, "model.layers.0.mlp.experts.gate_up_proj");
  EXPECT_EQ(site.parameter_count(), 4 * 32 * (8 + 12));
  EXPECT_EQ(site.hf_paths.size(), 8u);
  const Plan one =
      select(make_expert_inventory(), {make_rule({"*.experts.2.w3"})});
  EXPECT_EQ(one.sites[0].expert, 2);
  EXPECT_EQ(one.sites[0].experts, 1);
  EXPECT_EQ(one.sites[0].hf_parameter, "");
  EXPECT_EQ(one.sites[0].rows, (RowSet{30, 36}));
  EXPECT_EQ(one.sites[0].parameter_count(), 32 * (8 + 6));
}

std::vector<Rule> issue_rules() {
  Rule router = make_rule({"kind=router"});
  router.adapt = false;
  Rule attention = make_rule({"kind=attention:*.layers.{1..31}.*"});
  attention.adapter.rank = 64;
  Rule experts = make_rule({"kind=expert"});
  experts.adapter.rank = 8;
  return {router, attention, experts, make_rule({"router"})};
}

// "Rank 64 on the attention of some layers, rank 8 on experts, nothing on the
// router": a later rule has no router either.
TEST(ExpertSelection, one_recipe_says_the_issue_s_example) {
  const Plan plan = select(make_expert_inventory(), issue_rules());
  EXPECT_EQ(site_paths(plan),
            "0.experts.linear_fc1 0.experts.linear_fc2 1.linear_qkv "
            "1.linear_proj 1.experts.linear_fc1 1.experts.linear_fc2");
  EXPECT_EQ(plan.entries[0].held, 2u);
  EXPECT_EQ(plan.entries[3].shadowed, 2u);
  test::expect_golden(plan_to_text(plan), "plan_experts.txt");
}

TEST(ExpertSelection, a_later_rule_gets_the_experts_that_are_left) {
  Rule first = make_rule({"*.layers.0.*.experts.{0..1}.*"});
  first.adapter.rank = 2;
  Rule rest = make_rule({"*.layers.0.*.linear_fc2"});
  rest.adapter.rank = 4;
  std::string text;
  for (const Site& site :
       select(make_expert_inventory(), {first, rest}).sites) {
    if (site.module.ends_with("linear_fc2")) {
      text += site.component + ":" + std::to_string(site.adapter.rank) + " ";
    }
  }
  EXPECT_EQ(text,
            "linear_fc2.0:2 linear_fc2.1:2 linear_fc2.2:4 linear_fc2.3:4 ");
}

// Gate and up of an expert share one adapter, as the reference has it.
TEST(ExpertSelection, canonical_adapters_leave_experts_whole) {
  Rule rule = make_rule({"all-linear"}, {"*.layers.1.*"});
  rule.adapter.kind = AdapterKind::kCanonicalLora;
  EXPECT_EQ(site_paths(select(make_expert_inventory(), {rule})),
            "0.linear_q 0.linear_k 0.linear_v 0.linear_proj "
            "0.experts.linear_fc1 0.experts.linear_fc2");
}

Rule peft_rule(std::vector<std::string> targets,
               std::vector<std::string> parameters = {}) {
  Rule rule = make_rule(std::move(targets), {"*.no"}, PatternSyntax::kPeft);
  rule.excludes.clear();
  rule.adapter.rank = 2;
  rule.adapter.alpha = 8;
  rule.peft.targets_listed = true;
  rule.peft.target_parameters = std::move(parameters);
  return rule;
}

std::string sizes_of(const Plan& plan) {
  std::string out;
  for (const Site& site : plan.sites) {
    if (site.layer != 1) continue;
    out += site.path().substr(std::string("decoder.layers.1.").size()) + ":" +
           std::to_string(site.adapter.rank) + " ";
    EXPECT_EQ(site.scale, 4.0);
  }
  return out;
}

// As PEFT 0.21 on the packed model of transformers 5.
TEST(ExpertSelection, peft_sees_parameters) {
  EXPECT_EQ(
      sizes_of(select(make_expert_inventory(), {peft_rule({"all-linear"})})),
      "self_attention.linear_q:2 self_attention.linear_k:2 "
      "self_attention.linear_v:2 self_attention.linear_proj:2 "
      "mlp.router:2 mlp.experts.linear_fc1:4 mlp.experts.linear_fc2:2 ");
  const Plan plan = select(
      make_expert_inventory(),
      {peft_rule({"v_proj"}, {"mlp.experts.down_proj", "1.mlp.gate.weight"})});
  EXPECT_EQ(sizes_of(plan),
            "self_attention.linear_v:2 mlp.router:2 mlp.experts.linear_fc2:2 ");
  EXPECT_EQ(plan.sites.size(), 5u);
  EXPECT_EQ(plan.sites[1].hf_parameter, "model.layers.0.mlp.experts.down_proj");
  EXPECT_EQ(plan.sites[1].parameter, "");
  EXPECT_EQ(plan.entries[1].sites.size(), 2u);
}

TEST(ExpertSelection, peft_sees_layers_where_a_file_has_them) {
  Rule rule = peft_rule({"experts.2.w1", "w2", "gate"});
  rule.peft.experts_as_layers = true;
  EXPECT_EQ(sizes_of(select(make_expert_inventory(), {rule})),
            "mlp.router:2 mlp.experts.linear_fc1_gate.2:2 "
            "mlp.experts.linear_fc2.0:2 mlp.experts.linear_fc2.1:2 "
            "mlp.experts.linear_fc2.2:2 mlp.experts.linear_fc2.3:2 ");
}

std::string peft_refusal(const Rule& rule) {
  try {
    select(make_expert_inventory(), {rule});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ExpertSelection, peft_refuses_what_peft_refuses) {
  EXPECT_THAT(peft_refusal(peft_rule({"w1"})),
              HasSubstr("cannot be adapted without 'w3'"));
  // Once a layer, although two weights have that path.
  EXPECT_EQ(peft_refusal(peft_rule({"0.mlp.experts"})),
            "plan: '0.mlp.experts' selects 'model.layers.0.mlp.experts' of "
            "kind te_grouped, which takes no adapter");
  EXPECT_THAT(peft_refusal(peft_rule({"q_proj"}, {"q_proj.weight"})),
              HasSubstr("whose layer target_modules adapts already"));
  Rule dropped = peft_rule({}, {"down_proj"});
  dropped.adapter.dropout = 0.1;
  EXPECT_THAT(peft_refusal(dropped), HasSubstr("takes no dropout"));
}

// As PEFT does: it replaces the string by q_proj and gate.weight.
TEST(ExpertSelection, peft_strings_that_grow_are_told) {
  Rule rule = peft_rule({".*layers\\.1\\..*(q_proj|gate)"});
  rule.peft.targets_listed = false;
  rule.peft.targets_regex = true;
  const Plan plan = select(make_expert_inventory(), {rule});
  EXPECT_EQ(site_paths(plan), "0.linear_q 0.router 1.linear_q 1.router");
  EXPECT_THAT(plan.warnings,
              testing::ElementsAre(HasSubstr(
                  "(q_proj|gate)' hits 2 modules that it does not match")));
  rule.targets = {".*(q_proj|gate)"};
  EXPECT_TRUE(select(make_expert_inventory(), {rule}).warnings.empty());
}

TEST(ExpertSelection, explains_one_expert_of_a_whole_layer) {
  const Selector selector = Selector::compile(issue_rules());
  const Explanation whole = selector.explain(
      make_expert_inventory(), "model.layers.0.block_sparse_moe.experts.3.w1");
  EXPECT_TRUE(whole.takes_adapters);
  ASSERT_EQ(whole.sites.size(), 1u);
  EXPECT_EQ(whole.sites[0].path(), "decoder.layers.0.mlp.experts.linear_fc1");
  ASSERT_EQ(whole.trials.size(), 1u);
  EXPECT_EQ(whole.trials[0].entry, "kind=expert");
  const Explanation router =
      selector.explain(make_expert_inventory(), "decoder.layers.1.mlp.router");
  EXPECT_TRUE(router.takes_adapters);
  EXPECT_TRUE(router.sites.empty());
  ASSERT_EQ(router.trials.size(), 2u);
  EXPECT_EQ(router.trials[0].outcome, TrialOutcome::kHolds);
}

TEST(ExpertSelection, json_says_the_experts) {
  const std::string json = plan_to_json(
      select(make_expert_inventory(), {make_rule({"linear_fc2"})}));
  EXPECT_THAT(json, HasSubstr("\"experts\": \"0-3\""));
  EXPECT_THAT(json, HasSubstr("\"experts\": 4"));
  EXPECT_THAT(json, HasSubstr("\"out\": 8"));
  EXPECT_THAT(json, HasSubstr("model.layers.0.mlp.experts.down_proj\""));
}

}  // namespace
}  // namespace graft
