// What is said of entries that select nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_hf_names_inventory;
using test::make_llama_inventory;
using test::make_rule;
using test::select;
using testing::HasSubstr;

std::string error_of(const Inventory& inventory, const Rule& rule) {
  const Plan plan = select(inventory, {rule});
  try {
    check_unmatched(plan, {rule});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

struct AdviceCase {
  const char* entry;
  const char* advice;
};

TEST(Unmatched, suggests_what_was_meant) {
  const AdviceCase cases[] = {
      {"q_porj", "Nearest: q_proj (2 modules), k_proj (2), v_proj (2)."},
      {".layers.0..linear_qkv", "Nearest: *.layers.0.*.linear_qkv (1 module)."},
      {"self_attn.q_proj", "Nearest: *.self_attn.q_proj (2 modules)."},
      {"model.layers.1", "Nearest: model.layers.1.* (7 modules)."},
      {"base_model.model.model.layers.0.mlp.up_proj",
       "Nearest: model.layers.0.mlp.up_proj (1 module)."},
      {"model.layers.0.mlp.up_proj.weight",
       "Nearest: model.layers.0.mlp.up_proj (1 module)."},
      {"Q_PROJ", "Nearest: q_proj (2 modules)"},
      {"query", "Nearest: q_proj (2 modules)"},
      {"query_key_value", "the Megatron naming as: linear_qkv (2 modules)"},
      {"model.layer.1.mlp.up_proj",
       "Nearest: model.layers.1.mlp.up_proj (1 module), up_proj (2)"},
      {"*.self_atn.*", "Nearest: *.self_attn.* (8 modules)."},
      {"self_attn", "Nearest: *.self_attn.* (8 modules)."},
      {"w2", "Nearest: down_proj (2 modules)"},
      {"attn_q", "Nearest: q_proj (2 modules), linear_q (2)."},
      {"blk.1.ffn_down", "Nearest: down_proj (2 modules), linear_fc2 (2)."},
      {"*.layers.{40..}.mlp.*", "Nearest: *.layers.{0..1}.mlp.* (4 modules)."},
      {"model.layers.7.mlp.up_proj",
       "Nearest: model.layers.{0..1}.mlp.up_proj (2 modules)."},
      {"*.self_attn.q_porj", "Nearest: *.self_attn.q_proj (2 modules)"},
      {"zzzzzzzzzzzz",
       "selects no module. Fix the entry, or set "
       "allow_unmatched: true."},
      {"input_layernorm",
       "'input_layernorm' selects no module: it names 2 modules of kind norm, "
       "and only linear layers take adapters. Fix the entry."},
      {"embed_tokens", "1 module of kind embedding"},
      {"mlp",
       "2 modules of kind container, and only linear layers take adapters. "
       "Nearest: *.mlp.* (4 modules)."},
      {"decoder.layers.0.mlp",
       "1 module of kind container, and only linear layers take adapters. "
       "Nearest: decoder.layers.0.mlp.* (2 modules)."},
      {"*layernorm*", "2 modules of kind norm"},
  };
  const Inventory inventory = make_llama_inventory(2);
  for (const AdviceCase& row : cases) {
    EXPECT_THAT(error_of(inventory, make_rule({row.entry})),
                HasSubstr(row.advice));
  }
}

TEST(Unmatched, knows_the_names_of_the_other_world) {
  EXPECT_THAT(error_of(make_hf_names_inventory(2), make_rule({"linear_q"})),
              HasSubstr("Found in the Hugging Face naming as: q_proj (2 "
                        "modules)"));
  EXPECT_THAT(error_of(make_llama_inventory(2),
                       make_rule({"linear_q"}, {}, PatternSyntax::kPeft)),
              HasSubstr("Hugging Face naming as: q_proj (2 modules)"));
  const AdviceCase cases[] = {
      {"linear_proj", "Hugging Face naming as: o_proj (2 modules)."},
      {"linear_qkv",
       "Hugging Face naming as: q_proj (2 modules), k_proj (2), v_proj (2)."},
      {"decoder.layers.1.self_attention.linear_proj",
       "as: model.layers.1.self_attn.o_proj (1 module)."},
      {"*.layers.0.*.linear_fc2", "as: *.layers.0.*.down_proj (1 module)."},
      {"oproj", "Nearest: o_proj (2 modules)"}};
  for (const AdviceCase& row : cases) {
    EXPECT_THAT(error_of(make_hf_names_inventory(2), make_rule({row.entry})),
                HasSubstr(row.advice));
  }
}

TEST(Unmatched, names_every_entry_at_once) {
  EXPECT_EQ(error_of(make_llama_inventory(2),
                     make_rule({"q_proj", "aaaaaaaaaaaa", "bbbbbbbbbbbb"})),
            "plan: 'aaaaaaaaaaaa' selects no module. 'bbbbbbbbbbbb' selects no "
            "module. Fix the entries, or set allow_unmatched: true.");
}

TEST(Unmatched, lists_eight_of_many) {
  std::vector<std::string> entries;
  for (int i = 0; i < 10000; ++i) entries.push_back("zz" + std::to_string(i));
  const std::string text =
      error_of(make_llama_inventory(2), make_rule(std::move(entries)));
  EXPECT_THAT(text, HasSubstr("'zz7' selects no module. And 9992 more. Fix"));
  EXPECT_LT(text.size(), 600u);
}

TEST(Unmatched, shows_the_beginning_of_a_long_entry) {
  const std::string text =
      error_of(make_llama_inventory(2), make_rule({std::string(1 << 20, 'q')}));
  EXPECT_THAT(text, HasSubstr("qqq...' selects no module."));
  EXPECT_LT(text.size(), 400u);
}

TEST(Unmatched, says_when_everything_is_excluded) {
  EXPECT_THAT(
      error_of(make_llama_inventory(2), make_rule({"q_proj"}, {"*.layers.*"})),
      HasSubstr("'q_proj' selects no module: all 2 that it hits are "
                "excluded."));
}

TEST(Unmatched, only_warns_when_allowed_or_by_default) {
  const Inventory inventory = make_llama_inventory(2);
  Rule allowed = make_rule({"q_porj"});
  allowed.allow_unmatched = true;
  Rule built_in = make_rule({"q_porj"});
  built_in.written_by_person = false;
  for (const Rule& rule : {allowed, built_in}) {
    const std::vector<std::string> warnings =
        check_unmatched(select(inventory, {rule}), {rule});
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("'q_porj' selects no module."));
  }
}

// Whoever names an embedding wants it trained: silence would hide that it is
// not.
TEST(Unmatched, naming_other_layers_is_never_allowed) {
  Rule rule = make_rule({"q_proj", "embed_tokens"});
  rule.allow_unmatched = true;
  EXPECT_THAT(error_of(make_llama_inventory(2), rule),
              HasSubstr("kind embedding"));
}

}  // namespace
}  // namespace graft
