// Where the reference's dots, which are any character, make a difference.
#include "match/megatron_lint_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_bare_inventory;
using test::make_llama_inventory;
using test::make_rule;
using test::select;
using testing::ElementsAre;
using testing::HasSubstr;

Rule megatron(std::vector<std::string> targets,
              std::vector<std::string> excludes = {}) {
  return make_rule(std::move(targets), std::move(excludes),
                   PatternSyntax::kMegatron);
}

TEST(MegatronLint, escapes_dots_that_stand_alone) {
  const std::pair<const char*, const char*> cases[] = {
      {"a.b", R"(a\.b)"},
      {R"(a\.b)", R"(a\.b)"},
      {"a.+b.c", R"(a.+b\.c)"},
      {"a.*b", "a.*b"},
      {"[.]x.y", R"([.]x\.y)"},
      {"[^].]x.y", R"([^].]x\.y)"},
      {R"(\\.x)", R"(\\\.x)"},
      {"a.{2}", "a.{2}"},
      {R"([\].]a.)", R"([\].]a\.)"},
      {"", ""},
      {"trailing\\", "trailing\\"}};
  for (const auto& [pattern, literal] : cases) {
    EXPECT_EQ(with_literal_dots(pattern), literal) << pattern;
  }
}

// The documented example: layer 1, and by the reference 10 to 19 too.
TEST(MegatronLint, names_every_module_of_the_documented_example) {
  const Plan plan =
      select(make_llama_inventory(12), {megatron({"*.layers.1.*.linear_qkv"})});
  ASSERT_EQ(plan.dot_differences.size(), 1u);
  const DotDifference& difference = plan.dot_differences[0];
  EXPECT_THAT(difference.only_reference,
              ElementsAre("decoder.layers.10.self_attention.linear_qkv",
                          "decoder.layers.11.self_attention.linear_qkv"));
  EXPECT_TRUE(difference.only_literal.empty());
  ASSERT_EQ(plan.warnings.size(), 1u);
  EXPECT_EQ(plan.warnings[0],
            "'*.layers.1.*.linear_qkv' hits 2 names only because a dot of "
            "syntax megatron is any character: "
            "decoder.layers.*.self_attention.linear_qkv (layers 10-11)");
  const auto json = nlohmann::json::parse(plan_to_json(plan));
  EXPECT_EQ(json.at("dot_differences").at(0).at("only_reference").size(), 2u);
}

// Names of both worlds and of parts.
TEST(MegatronLint, looks_at_every_name) {
  const Plan plan =
      select(make_llama_inventory(11), {megatron({"*.layers.1.*"})});
  const auto& names = plan.dot_differences.at(0).only_reference;
  EXPECT_THAT(names, testing::IsSupersetOf(
                         {"decoder.layers.10.self_attention.linear_qkv",
                          "decoder.layers.10.self_attention.linear_q",
                          "model.layers.10.self_attn.q_proj"}));
  EXPECT_EQ(names.size(), 7u + 2u + 5u + 2u);
}

TEST(MegatronLint, reads_regular_expressions_literally_too) {
  const Plan plan = select(make_bare_inventory({"a.1.q", "a.10.q", "b.1.q"}),
                           {megatron({"(a|b).1.q"}, {"c.1.(q|k)"})});
  ASSERT_EQ(plan.dot_differences.size(), 0u);
  const Plan other = select(make_bare_inventory({"a.1.q", "a.1xq", "a.12q"}),
                            {megatron({"(a|b).1.q"}, {"a.1.(q|k)$"})});
  ASSERT_EQ(other.dot_differences.size(), 2u);
  EXPECT_THAT(other.dot_differences[0].only_reference,
              ElementsAre("a.1xq", "a.12q"));
  EXPECT_TRUE(other.dot_differences[1].is_exclude);
  EXPECT_THAT(other.warnings.at(1), HasSubstr("exclude 'a.1.(q|k)$' hits"));
}

// A star of the reference stops at a newline, a glob's does not.
TEST(MegatronLint, names_what_only_the_literal_reading_hits) {
  const Plan plan =
      select(make_bare_inventory({"a.\n.q", "a.b.q"}), {megatron({"a.*.q"})});
  ASSERT_EQ(plan.dot_differences.size(), 1u);
  EXPECT_THAT(plan.dot_differences[0].only_literal, ElementsAre("a.\n.q"));
}

TEST(MegatronLint, leaves_the_other_syntaxes_alone) {
  const Plan plan =
      select(make_llama_inventory(11), {make_rule({"*.layers.1.*"})});
  EXPECT_TRUE(plan.dot_differences.empty());
}

}  // namespace
}  // namespace graft
