// Which sites a rule selects, in both naming worlds.
#include "graft/match/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "graft/base/error.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_hf_names_inventory;
using test::make_llama_inventory;
using test::make_rule;
using test::select;
using test::site_paths;
using testing::HasSubstr;

struct SelectCase {
  std::vector<std::string> targets;
  std::vector<std::string> excludes;
  const char* sites;
};

void check_cases(const std::vector<SelectCase>& cases, PatternSyntax syntax,
                 AdapterKind kind = AdapterKind::kLora) {
  const Inventory inventory = make_llama_inventory(2);
  for (const SelectCase& row : cases) {
    Rule rule = make_rule(row.targets, row.excludes, syntax);
    rule.adapter.kind = kind;
    EXPECT_EQ(site_paths(select(inventory, {rule})), row.sites)
        << testing::PrintToString(row.targets) << " without "
        << testing::PrintToString(row.excludes);
  }
}

TEST(Selector, glob_selects_in_both_worlds) {
  check_cases(
      {
          {{"linear_qkv"}, {}, "0.linear_qkv 1.linear_qkv"},
          {{"q_proj"}, {}, "0.linear_q 1.linear_q"},
          {{"linear_q"}, {}, "0.linear_q 1.linear_q"},
          {{"o_proj"}, {}, "0.linear_proj 1.linear_proj"},
          {{"v_proj", "q_proj"},
           {},
           "0.linear_q 0.linear_v 1.linear_q "
           "1.linear_v"},
          {{"model.layers.1.mlp.up_proj"}, {}, "1.linear_fc1_up"},
          {{"decoder.layers.1.mlp.linear_fc1_up"}, {}, "1.linear_fc1_up"},
          {{"*.layers.0.*.linear_qkv"}, {}, "0.linear_qkv"},
          {{"*.layers.{1..}.*"},
           {},
           "1.linear_qkv 1.linear_proj "
           "1.linear_fc1 1.linear_fc2"},
          {{"*.self_attn.*"},
           {},
           "0.linear_q 0.linear_k 0.linear_v "
           "0.linear_proj 1.linear_q 1.linear_k "
           "1.linear_v 1.linear_proj"},
          {{"{q,k}_proj"}, {}, ""},
          {{"*.{q,k}_proj"}, {}, "0.linear_q 0.linear_k 1.linear_q 1.linear_k"},
          {{"lm_head"}, {}, "output_layer"},
          {{"output_layer"}, {}, "output_layer"},
          {{"ALL-linear"},
           {"*.layers.0.*"},
           "1.linear_qkv 1.linear_proj "
           "1.linear_fc1 1.linear_fc2"},
      },
      PatternSyntax::kGlob);
}

TEST(Selector, excludes_take_rows_from_fused_layers) {
  check_cases(
      {
          {{"*.layers.0.*"},
           {"k_proj"},
           "0.linear_q 0.linear_v 0.linear_proj "
           "0.linear_fc1 0.linear_fc2"},
          {{"linear_fc1"},
           {"linear_fc1_up"},
           "0.linear_fc1_gate "
           "1.linear_fc1_gate"},
          {{"linear_qkv"}, {"linear_qkv"}, ""},
          {{"q_proj"}, {"*.layers.1.*"}, "0.linear_q"},
          {{"q_proj", "v_proj"},
           {"model.layers.0.self_attn.v_proj"},
           "0.linear_q 1.linear_q 1.linear_v"},
      },
      PatternSyntax::kGlob);
}

TEST(Selector, canonical_lora_splits_fused_layers) {
  check_cases(
      {
          {{"all-linear"},
           {"*.layers.1.*"},
           "0.linear_q 0.linear_k 0.linear_v 0.linear_proj 0.linear_fc1_gate "
           "0.linear_fc1_up 0.linear_fc2"},
          {{"*.layers.0.mlp.*"},
           {},
           "0.linear_fc1_gate 0.linear_fc1_up "
           "0.linear_fc2"},
          {{"linear_k", "linear_fc1_up"},
           {},
           "0.linear_k 0.linear_fc1_up "
           "1.linear_k 1.linear_fc1_up"},
      },
      PatternSyntax::kGlob, AdapterKind::kCanonicalLora);
}

TEST(Selector, megatron_reads_dots_as_any_character) {
  const Inventory inventory = make_llama_inventory(12);
  const Rule rule =
      make_rule({"*.layers.1.*.linear_qkv"}, {}, PatternSyntax::kMegatron);
  const Plan plan = select(inventory, {rule});
  EXPECT_EQ(site_paths(plan), "1.linear_qkv 10.linear_qkv 11.linear_qkv");
  ASSERT_EQ(plan.warnings.size(), 1u);
  EXPECT_THAT(plan.warnings[0],
              HasSubstr("decoder.layers.*.self_attention.linear_qkv (layers "
                        "10-11)"));
}

TEST(Selector, peft_selects_parts) {
  check_cases(
      {
          {{"q_proj", "o_proj"},
           {},
           "0.linear_q 0.linear_proj 1.linear_q "
           "1.linear_proj"},
          {{"0.mlp.up_proj"}, {}, "0.linear_fc1_up"},
          {{"all-linear"},
           {"mlp.gate_proj", "q_proj", "v_proj"},
           "0.linear_k 0.linear_proj 0.linear_fc1_up 0.linear_fc2 1.linear_k "
           "1.linear_proj 1.linear_fc1_up 1.linear_fc2"},
          {{}, {}, "0.linear_q 0.linear_v 1.linear_q 1.linear_v"},
      },
      PatternSyntax::kPeft);
}

TEST(Selector, first_rule_wins_rows) {
  Rule queries = make_rule({"q_proj"});
  queries.adapter.rank = 2;
  Rule rest = make_rule({"*.layers.0.*"});
  rest.adapter.rank = 1;
  const Plan plan = select(make_llama_inventory(1), {queries, rest});
  EXPECT_EQ(site_paths(plan),
            "0.linear_q 0.linear_k 0.linear_v 0.linear_proj 0.linear_fc1 "
            "0.linear_fc2");
  EXPECT_EQ(plan.sites[0].adapter.rank, 2);
  EXPECT_EQ(plan.sites[1].adapter.rank, 1);
  EXPECT_EQ(plan.entries[1].shadowed, 1u);
  EXPECT_EQ(plan.entries[1].sites, (std::vector<std::size_t>{1, 2, 3, 4, 5}));
}

TEST(Selector, shadowed_entries_are_no_misses) {
  const Plan plan =
      select(make_llama_inventory(2), {make_rule({"linear_fc2", "down_proj"})});
  EXPECT_EQ(plan.entries[1].shadowed, 2u);
  EXPECT_THAT(plan.warnings,
              testing::ElementsAre("'down_proj' adds nothing: earlier entries "
                                   "take all 2 modules that it hits"));
  EXPECT_NO_THROW(
      check_unmatched(plan, {make_rule({"linear_fc2", "down_proj"})}));
}

TEST(Selector, exclusions_say_why) {
  const Plan plan = select(make_llama_inventory(1),
                           {make_rule({"all-linear"}, {"k_proj", "nothing"})});
  ASSERT_EQ(plan.exclusions.size(), 2u);
  EXPECT_EQ(plan.exclusions[0].path,
            "decoder.layers.0.self_attention.linear_k");
  EXPECT_EQ(plan.exclusions[0].reason, "exclude entry 'k_proj'");
  EXPECT_EQ(plan.exclusions[1].path, "output_layer");
  EXPECT_EQ(plan.exclusions[1].reason, "output head");
  EXPECT_THAT(plan.warnings,
              testing::ElementsAre("exclude entry 'nothing' excludes nothing"));
}

TEST(Selector, site_knows_both_names_and_rows) {
  const Plan plan =
      select(make_llama_inventory(1), {make_rule({"v_proj", "linear_fc1"})});
  ASSERT_EQ(plan.sites.size(), 2u);
  const Site& value = plan.sites[0];
  EXPECT_EQ(value.module, "decoder.layers.0.self_attention.linear_qkv");
  EXPECT_EQ(value.component, "linear_v");
  EXPECT_EQ(value.rows, (RowSet{12, 16}));
  EXPECT_EQ(value.module_out, 16);
  EXPECT_EQ(value.hf_paths,
            std::vector<std::string>{"model.layers.0.self_attn.v_proj"});
  EXPECT_EQ(value.parameter_count(), 32 * (8 + 4));
  const Site& fused = plan.sites[1];
  EXPECT_EQ(fused.hf_rows, (std::vector<RowSet>{{0, 12}, {12, 24}}));
  EXPECT_EQ(fused.pattern, "linear_fc1");
}

TEST(Selector, names_alone_are_enough) {
  const Plan plan =
      select(make_hf_names_inventory(1), {make_rule({"q_proj", "*.mlp.*"})});
  EXPECT_EQ(site_paths(plan), "0.q_proj 0.gate_proj 0.up_proj 0.down_proj");
  EXPECT_EQ(plan.sites[0].hf_paths[0], "model.layers.0.self_attn.q_proj");
}

TEST(Selector, shared_modules_are_adapted_once) {
  Inventory inventory;
  for (const char* path : {"one.lin", "two.lin", "two.own"}) {
    ModuleInfo info;
    info.path = path;
    info.kind = LayerKind::kLinear;
    info.in = info.out = 4;
    inventory.modules.push_back(info);
  }
  inventory.modules[1].same_as = 0;
  EXPECT_EQ(site_paths(select(inventory, {make_rule({"*.lin"})})), "one.lin");
  EXPECT_EQ(site_paths(select(inventory, {make_rule({"two.*"})})),
            "one.lin two.own");
}

struct RefusedRule {
  Rule rule;
  const char* message;
};

Rule with(Rule rule, const std::function<void(Rule&)>& change) {
  change(rule);
  return rule;
}

TEST(Selector, refuses_rules_that_make_no_sense) {
  const auto canonical = [](Rule& rule) {
    rule.adapter.kind = AdapterKind::kCanonicalLora;
  };
  const Rule peft = make_rule({"q_proj"}, {}, PatternSyntax::kPeft);
  const RefusedRule cases[] = {
      {make_rule({"linear_qkv", "q_proj"}), "share rows of"},
      {make_rule({"q_proj", "*.layers.0.*"}), "share rows of"},
      {make_rule({".*q_proj"}), "looks like a regular expression"},
      {make_rule({"q_proj"}, {"all-linear"}), "leaves nothing"},
      {make_rule({"("}, {}, PatternSyntax::kMegatron),
       "missing ), unterminated subpattern"},
      {with(make_rule({"linear_qkv"}), canonical),
       "Canonical LoRA does not support target 'linear_qkv'. Either use "
       "'linear_qkv' with LoRA() or use ['linear_q', 'linear_k', 'linear_v'] "
       "with Canonical LoRA"},
      {with(make_rule({"q_proj"}),
            [](Rule& rule) { rule.peft.layers_to_transform = {{0}}; }),
       "need syntax peft"},
      {with(peft, [](Rule& rule) { rule.peft.layers_pattern = {"layers"}; }),
       "layers_pattern needs layers_to_transform"},
      {with(peft,
            [](Rule& rule) {
              rule.peft.rank_pattern = {{"q_proj", 0}};
            }),
       "expected a positive number"},
      {make_rule({"input_layernorm"}, {}, PatternSyntax::kPeft),
       "of kind norm, which takes no adapter"},
  };
  const Inventory inventory = make_llama_inventory(2);
  for (const RefusedRule& row : cases) {
    try {
      select(inventory, {row.rule});
      ADD_FAILURE() << row.message;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(row.message));
    }
  }
}

TEST(Selector, reports_all_malformed_entries_together) {
  try {
    Selector::compile({make_rule({"a|b", "[x"}, {"{y"})});
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    for (const char* entry : {"'a|b'", "'[x'", "'{y'"}) {
      EXPECT_THAT(error.what(), HasSubstr(entry));
    }
  }
}

// A mixture of experts as large as any: a few patterns cost a fraction of a
// second.
TEST(Selector, large_models_stay_fast) {
  Inventory inventory;
  for (int layer = 0; layer < 60; ++layer) {
    for (int expert = 0; expert < 256; ++expert) {
      for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
        ModuleInfo info;
        info.path = "model.layers." + std::to_string(layer) + ".mlp.experts." +
                    std::to_string(expert) + "." + name;
        info.kind = LayerKind::kLinear;
        info.in = info.out = 8;
        info.layer = layer;
        inventory.modules.push_back(std::move(info));
      }
    }
  }
  const Plan plan =
      select(inventory, {make_rule({"*.layers.{0..9}.*.up_proj", "gate_proj",
                                    "*.experts.[0-9].*"},
                                   {"*.layers.59.*"})});
  EXPECT_EQ(plan.sites.size(), 2560u + 15104u + 590u + 490u);
}

}  // namespace
}  // namespace graft
