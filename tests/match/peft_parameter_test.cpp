// Adapters on parameters, former expert layers, full copies, and the four ways
// in which a rule in peft syntax selects nothing. The vectors have many more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Names = std::vector<std::string>;

// Two layers with q_proj and four packed experts.
Inventory make_packed_model(const std::string& type = "qwen3_moe") {
  Inventory out;
  out.model_type = type;
  const auto add = [&out](const std::string& path, LayerKind kind) {
    ModuleInfo info;
    info.path = path;
    info.kind = kind;
    if (kind == LayerKind::kLinear) info.in = info.out = 6;
    out.modules.push_back(std::move(info));
  };
  for (const std::string layer : {"model.layers.0", "model.layers.1"}) {
    add(layer + ".self_attn.q_proj", LayerKind::kLinear);
    add(layer + ".mlp.gate", LayerKind::kRouter);
    add(layer + ".mlp.experts", LayerKind::kContainer);
    out.parameters.push_back({layer + ".mlp.gate.weight", {4, 6}, false});
    const std::string experts = layer + ".mlp.experts.";
    out.parameters.push_back({experts + "gate_up_proj", {4, 16, 6}, false});
    out.parameters.push_back({experts + "down_proj", {4, 6, 8}, false});
    out.parameters.push_back({experts + "scale", {4}, false});
  }
  return out;
}

Rule peft_rule(Names targets, Names parameters = {}) {
  Rule rule = test::make_rule(std::move(targets), {}, PatternSyntax::kPeft);
  rule.peft.targets_listed = true;
  rule.peft.target_parameters = std::move(parameters);
  rule.adapter.rank = 2;
  rule.adapter.alpha = 4.0;
  return rule;
}

Names paths_of(const Plan& plan) {
  Names out;
  for (const Site& site : plan.sites) out.push_back(site.path());
  return out;
}

std::string refusal_of(const Rule& rule) {
  try {
    test::select(make_packed_model(), {rule});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(TargetParameters, one_site_holds_a_pair_for_each_expert) {
  Rule rule = peft_rule({}, {"experts.down_proj"});
  rule.peft.rank_pattern = {{"0.mlp.experts.down_proj", 3}};
  const Plan plan = test::select(make_packed_model(), {rule});
  EXPECT_THAT(paths_of(plan),
              ElementsAre("model.layers.0.mlp.experts.down_proj",
                          "model.layers.1.mlp.experts.down_proj"));
  const Site& site = plan.sites[0];
  EXPECT_EQ(site.module, "model.layers.0.mlp.experts");
  EXPECT_EQ(site.parameter, "down_proj");
  EXPECT_EQ(site.experts, 4);
  EXPECT_EQ(site.in, 8);
  EXPECT_EQ(site.rows.size(), 24);
  EXPECT_EQ(site.rows_of_expert(), 6);
  EXPECT_EQ(site.hf_parameter, "model.layers.0.mlp.experts.down_proj");
  EXPECT_EQ(site.adapter.rank, 3);
  EXPECT_EQ(site.parameter_count(), 4 * 3 * (8 + 6));
  EXPECT_EQ(plan.entries[0].sites.size(), 2u);
  EXPECT_TRUE(plan.warnings.empty());
  EXPECT_THAT(plan_to_text(plan), HasSubstr("0.mlp.experts.down_proj  "));
  EXPECT_THAT(plan_to_json(plan), HasSubstr("\"experts\": 4"));
}

TEST(TargetParameters, transposed_experts_are_in_by_out) {
  Inventory model = make_packed_model();
  for (ParameterInfo& info : model.parameters) info.transposed = true;
  const Plan plan = test::select(model, {peft_rule({}, {"down_proj"})});
  EXPECT_EQ(plan.sites[0].in, 6);
  EXPECT_EQ(plan.sites[0].rows_of_expert(), 8);
  EXPECT_TRUE(plan.sites[0].transposed);
}

// As the biases of gpt_oss' experts.
TEST(TargetParameters, two_axes_are_out_by_in_beside_transposed_experts) {
  Inventory model = make_packed_model();
  model.parameters.push_back(
      {"model.layers.1.mlp.experts.bias", {4, 16}, true});
  const Plan plan = test::select(model, {peft_rule({}, {"experts.bias"})});
  ASSERT_EQ(plan.sites.size(), 1u);
  EXPECT_EQ(plan.sites[0].in, 16);
  EXPECT_EQ(plan.sites[0].rows.size(), 4);
  EXPECT_FALSE(plan.sites[0].transposed);
}

TEST(TargetParameters, names_of_former_layers_become_parameters) {
  const Rule rule = peft_rule({"gate_proj", "q_proj", "up_proj"});
  const Plan plan = test::select(make_packed_model(), {rule});
  ASSERT_EQ(plan.sites.size(), 4u);
  EXPECT_EQ(plan.sites[2].parameter, "gate_up_proj");
  EXPECT_EQ(plan.sites[2].adapter.rank, 4);  // two layers in one
  EXPECT_EQ(plan.sites[2].scale, 2.0);
  EXPECT_EQ(plan.sites[0].adapter.rank, 2);
  EXPECT_TRUE(check_unmatched(plan, {rule}).empty());
  EXPECT_THAT(refusal_of(peft_rule({"up_proj"})),
              HasSubstr("cannot be adapted without 'gate_proj'"));
  const Plan other =
      test::select(make_packed_model("llama"), {peft_rule({"up_proj"})});
  EXPECT_TRUE(other.sites.empty());
}

TEST(TargetParameters, refusals_name_the_parameter) {
  EXPECT_THAT(refusal_of(peft_rule({}, {"scale"})), HasSubstr("of 1 axes"));
  EXPECT_THAT(refusal_of(peft_rule({"q_proj"}, {"q_proj.weight"})),
              HasSubstr("whose layer target_modules adapts already"));
  Rule rule = peft_rule({}, {"down_proj"});
  rule.adapter.dropout = 0.1;
  EXPECT_THAT(refusal_of(rule), HasSubstr("takes no dropout"));
  rule = peft_rule({}, {"down_proj"});
  rule.adapter.kind = AdapterKind::kDora;
  EXPECT_THAT(refusal_of(rule), HasSubstr("takes no DoRA"));
}

TEST(TargetParameters, what_cannot_run_is_refused_by_name) {
  const auto refusal = [](const Rule& rule, bool transposed = false) {
    Inventory model = make_packed_model();
    for (ParameterInfo& info : model.parameters) info.transposed = transposed;
    const Plan plan = test::select(model, {rule});
    try {
      refuse_unsupported_sites(plan, "train");
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(refusal(peft_rule({}, {"down_proj"}), true),
              HasSubstr("train: 'model.layers.0.mlp.experts.down_proj' is an "
                        "adapter on a parameter that is stored transposed"));
  EXPECT_EQ(refusal(peft_rule({}, {"down_proj"})), "");
  Rule copies = peft_rule({"q_proj"});
  copies.peft.modules_to_save = {"mlp.gate"};
  EXPECT_THAT(refusal(copies),
              HasSubstr("full copy of 'model.layers.0.mlp.gate'"));
  EXPECT_EQ(refusal(peft_rule({"q_proj"})), "");
}

TEST(PeftRule, says_why_it_selects_nothing) {
  using Cause = EmptyRule::Cause;
  Rule all_out = peft_rule({"q_proj"});
  all_out.excludes = {".*"};
  all_out.peft.excludes_regex = true;
  Rule some_out = peft_rule({"q_proj"});
  some_out.excludes = {"q_proj"};
  Rule layers = peft_rule({"q_proj"});
  layers.peft.layers_to_transform = {{7}};
  const std::vector<std::pair<Rule, Cause>> rows{
      {all_out, Cause::kAllExcluded},
      {peft_rule({}, {"nope"}), Cause::kNoTargets},
      {layers, Cause::kNotFound},
      {some_out, Cause::kMixed}};
  const Names texts{
      "leave no module of the model", "target_parameters selects no parameter",
      "Mind that layers_to_transform is set", "No module is left"};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Plan plan = test::select(make_packed_model(), {rows[i].first});
    ASSERT_EQ(plan.empty_rules.size(), 1u) << texts[i];
    EXPECT_EQ(plan.empty_rules[0].cause, rows[i].second);
    try {
      check_unmatched(plan, {rows[i].first});
      ADD_FAILURE() << texts[i];
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr(texts[i]));
    }
  }
}

// PEFT's pattern is the entry between its own two ends, so a bare choice is
// found without its number, and a number beyond all layers is none of them.
TEST(PeftRule, a_layer_without_a_number_is_not_layer_0) {
  Inventory model = make_packed_model();
  model.modules[0].path = "model.layers.99999999999999999999.q_proj";
  Rule rule = peft_rule({"q_proj"});
  rule.peft.layers_to_transform = {{0}};
  EXPECT_TRUE(test::select(model, {rule}).sites.empty());
  rule.peft.layers_pattern = {"layers|h"};
  EXPECT_TRUE(test::select(make_packed_model(), {rule}).sites.empty());
  rule.peft.layers_pattern = {"(?:layers|h)"};
  EXPECT_EQ(test::select(make_packed_model(), {rule}).sites.size(), 1u);
}

TEST(PeftRule, an_empty_target_list_is_an_error_of_its_own) {
  const Rule rule = peft_rule({});
  const Plan plan = test::select(make_packed_model("llama"), {rule});
  EXPECT_THROW(check_unmatched(plan, {rule}), ConfigError);
}

// PEFT says nothing of an entry that hits nothing beside one that does.
TEST(PeftRule, silent_misses_are_told) {
  Rule rule = peft_rule({"q_proj", "nope"}, {"down_proj", "nothing"});
  rule.peft.rank_pattern = {{"k_proj", 4}, {"down_proj", 3}};
  const Plan plan = test::select(make_packed_model(), {rule});
  EXPECT_EQ(plan.sites.size(), 4u);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("'k_proj'")));
  try {
    check_unmatched(plan, {rule});
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'nope' selects no module"));
    EXPECT_THAT(error.what(), HasSubstr("'nothing' selects no module"));
  }
}

TEST(PeftRule, a_layer_inside_an_adapted_layer_is_an_error) {
  Inventory model;
  for (const char* path : {"outer", "outer.inner"}) {
    ModuleInfo info;
    info.path = path;
    info.kind = LayerKind::kLinear;
    info.in = info.out = 2;
    model.modules.push_back(info);
  }
  EXPECT_THROW(test::select(model, {peft_rule({"outer", "inner"})}),
               ConfigError);
  EXPECT_EQ(test::select(model, {peft_rule({"inner"})}).sites.size(), 1u);
}

}  // namespace
}  // namespace graft
