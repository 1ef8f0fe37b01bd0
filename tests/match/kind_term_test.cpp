// Entries that name a kind of module, alone and with a pattern, and ordered
// rules that use them.
#include "match/kind_term_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_hf_names_inventory;
using test::make_llama_inventory;
using test::make_moe_inventory;
using test::make_rule;
using test::select;
using test::site_paths;
using testing::HasSubstr;

std::string error_of(const Inventory& inventory, std::vector<Rule> rules) {
  try {
    check_unmatched(select(inventory, rules), rules);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

struct KindCase {
  const char* entry;
  const char* exclude;
  const char* sites;
};

TEST(KindTerm, selects_in_a_model_with_experts) {
  const KindCase cases[] = {
      {"kind=attention:*.layers.{3..}.*", "k_proj",
       "3.q_proj 3.v_proj 3.o_proj"},
      {"kind=expert:*.layers.2.*.up_proj", "*.experts.{1..2}.*",
       "2.experts.0.up_proj 2.experts.3.up_proj"},
      {"kind=expert:up_proj", "*.layers.{2..3}.*",
       "1.experts.0.up_proj 1.experts.1.up_proj 1.experts.2.up_proj "
       "1.experts.3.up_proj"},
      {"kind=shared_expert:down_proj", "*.layers.1.*",
       "2.shared_expert.down_proj 3.shared_expert.down_proj"},
      {"kind=mlp:*.down_proj", "kind=expert",
       "0.down_proj 1.shared_expert.down_proj 2.shared_expert.down_proj "
       "3.shared_expert.down_proj"},
      {"kind=head", "q_proj", "lm_head"},
      {"kind=linear:*.layers.0.*", "kind=attention",
       "0.gate_proj 0.up_proj 0.down_proj"},
  };
  const Inventory inventory = make_moe_inventory();
  for (const KindCase& row : cases) {
    const Plan plan =
        select(inventory, {make_rule({row.entry}, {row.exclude})});
    EXPECT_EQ(site_paths(plan), row.sites) << row.entry;
  }
}

TEST(KindTerm, linear_is_every_linear_but_the_head) {
  const Inventory inventory = make_moe_inventory();
  const Plan all = select(inventory, {make_rule({"all-linear"})});
  const Plan kind = select(inventory, {make_rule({"kind=linear"})});
  EXPECT_EQ(site_paths(all), site_paths(kind));
  ASSERT_EQ(kind.exclusions.size(), 1u);
  EXPECT_EQ(kind.exclusions[0].path, "lm_head");
  EXPECT_EQ(kind.exclusions[0].reason, "output head");
}

TEST(KindTerm, means_whole_layers_and_parts_alike) {
  const Inventory inventory = make_llama_inventory(2);
  EXPECT_EQ(site_paths(select(inventory, {make_rule({"kind=attention"})})),
            "0.linear_qkv 0.linear_proj 1.linear_qkv 1.linear_proj");
  EXPECT_EQ(site_paths(select(inventory, {make_rule({"kind=mlp:up_proj"})})),
            "0.linear_fc1_up 1.linear_fc1_up");
  EXPECT_EQ(site_paths(select(inventory, {make_rule({"kind=head"})})),
            "output_layer");
}

TEST(KindTerm, unknown_kinds_and_empty_patterns_are_errors) {
  const Inventory inventory = make_moe_inventory();
  EXPECT_THAT(error_of(inventory, {make_rule({"kind=exprt:*"})}),
              HasSubstr("'kind=exprt:*' asks for an unknown kind: got 'exprt', "
                        "expected linear, attention, mlp, expert, grouped, "
                        "shared_expert, router or head. Nearest: kind=expert"));
  EXPECT_THAT(error_of(inventory, {make_rule({"kind="})}),
              HasSubstr("unknown kind"));
  EXPECT_THAT(error_of(inventory, {make_rule({"kind=mlp:"})}),
              HasSubstr("no pattern after the colon"));
  EXPECT_THAT(error_of(inventory, {make_rule({"kind=mlp:(a|b)"})}),
              HasSubstr("looks like a regular expression"));
  EXPECT_THAT(error_of(inventory, {make_rule({"q_proj"}, {"kind=atention"})}),
              HasSubstr("Nearest: kind=attention"));
  const std::string longest = "kind=" + std::string(1 << 20, 'q');
  EXPECT_LT(error_of(inventory, {make_rule({longest})}).size(), 400u);
}

// "kind=..." is a kind in syntax glob; elsewhere it is text as any other.
TEST(KindTerm, belongs_to_syntax_glob) {
  const auto split = [](const char* entry, PatternSyntax syntax) {
    return split_kind_entry(entry, syntax).has_value();
  };
  EXPECT_TRUE(split("kind=mlp", PatternSyntax::kGlob));
  EXPECT_FALSE(split("kind=mlp", PatternSyntax::kMegatron));
  EXPECT_FALSE(split("kind=mlp", PatternSyntax::kPeft));
  EXPECT_FALSE(split("KIND=mlp", PatternSyntax::kGlob));
}

TEST(KindTerm, says_what_the_model_has_instead) {
  EXPECT_THAT(error_of(make_hf_names_inventory(2),
                       {make_rule({"kind=expert:*.down_proj"})}),
              HasSubstr("Nearest: kind=mlp:*.down_proj (2 modules)."));
  EXPECT_THAT(
      error_of(make_hf_names_inventory(2), {make_rule({"kind=expert"})}),
      HasSubstr("Nearest: kind=attention (8 modules), kind=mlp (6), "
                "kind=head (1)."));
  EXPECT_EQ(site_paths(select(make_moe_inventory(),
                              {make_rule({"kind=router"}, {"*.2.*"})})),
            "1.gate 3.gate");
  EXPECT_THAT(
      error_of(make_moe_inventory(), {make_rule({"kind=expert:w_proj"})}),
      HasSubstr("Nearest: kind=expert:up_proj (12 modules)"));
}

TEST(KindTerm, matches_names_alone) {
  const Selector selector = Selector::compile(
      {make_rule({"kind=expert:*.layers.{1..}.*", "kind=attention"},
                 {"kind=shared_expert"})});
  const auto match = [&](std::string_view path) {
    return selector.match_one(0, path.substr(path.rfind('.') + 1), path);
  };
  EXPECT_EQ(match("model.layers.1.mlp.experts.0.up_proj"), 0u);
  EXPECT_EQ(match("model.layers.0.mlp.experts.0.up_proj"), std::nullopt);
  EXPECT_EQ(match("model.layers.0.self_attn.q_proj"), 1u);
  EXPECT_EQ(match("model.layers.1.mlp.shared_expert.up_proj"), std::nullopt);
  EXPECT_EQ(match("lm_head"), std::nullopt);
}

// First hit wins, with settings of its own; a rule may give nothing.
TEST(RuleOrder, gives_each_kind_its_own_and_the_held_nothing) {
  Rule held = make_rule({"k_proj", "kind=expert:*.experts.0.*"});
  held.adapt = false;
  Rule attention = make_rule({"kind=attention:*.layers.{2..3}.*"});
  attention.adapter.rank = 64;
  Rule experts = make_rule({"kind=expert"});
  experts.adapter.rank = 8;
  experts.adapter.alpha = 4;
  experts.adapter.rslora = true;
  experts.adapter.dropout = 0.1;
  experts.adapter.init = AdapterInit::kXavier;
  const Plan plan = select(make_moe_inventory(), {held, attention, experts});
  std::size_t of_rank_64 = 0;
  for (const Site& site : plan.sites) {
    EXPECT_THAT(site.path(), testing::Not(HasSubstr("k_proj")));
    EXPECT_NE(site.expert, 0);
    of_rank_64 += site.adapter.rank == 64;
    if (site.expert) {
      EXPECT_EQ(site.adapter, experts.adapter);
    }
  }
  EXPECT_EQ(of_rank_64, 2u * 3u);
  EXPECT_EQ(plan.sites.size(), 6u + 3u * 3u * 3u);
  EXPECT_EQ(plan.entries[0].held, 4u);
  EXPECT_EQ(plan.entries[1].held, 9u);
  EXPECT_EQ(plan.exclusions[0].reason, "rule 1, 'k_proj', adapt: false");
}

TEST(RuleOrder, a_held_part_leaves_the_other_parts) {
  Rule held = make_rule({"k_proj"});
  held.adapt = false;
  const Plan plan = select(make_llama_inventory(1),
                           {held, make_rule({"linear_qkv", "linear_fc2"})});
  EXPECT_EQ(site_paths(plan), "0.linear_q 0.linear_v 0.linear_fc2");
}

// What takes no adapter anyway may be named; what does not exist may not.
TEST(RuleOrder, a_rule_that_gives_nothing_must_name_something) {
  Rule held = make_rule({"kind=router", "embed_tokens"});
  held.adapt = false;
  const Rule rest = make_rule({"q_proj"});
  EXPECT_EQ(error_of(make_moe_inventory(), {held, rest}), "");
  EXPECT_THAT(error_of(make_hf_names_inventory(2), {held, rest}),
              HasSubstr("'kind=router' selects no module."));
}

}  // namespace
}  // namespace graft
