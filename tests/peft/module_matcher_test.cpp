// ModuleMatcher's own rules: defaults, syntaxes, modes, later changes.
#include "graft/peft/module_matcher.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/layer_kind.h"
#include "peft/stand_in.h"

namespace graft {
namespace {

using Names = std::vector<std::string>;

bool hits(ModuleMatcher& matcher, const std::string& name,
          const std::string& prefix) {
  static const nn::Linear linear(1, 1, false);
  return matcher.match(linear, name, prefix).has_value();
}

TEST(ModuleMatcher, takes_the_linears_of_a_layer_by_default) {
  ModuleMatcher matcher;
  const std::string layer = "decoder.layers.3";
  for (const char* name :
       {"linear_qkv", "linear_proj", "linear_fc1", "linear_fc2"}) {
    EXPECT_TRUE(hits(matcher, name, layer)) << name;
  }
  EXPECT_FALSE(hits(matcher, "output_layer", ""));
}

// Regression: the documented "first two layers" took layers 10 to 19 as well.
TEST(ModuleMatcher, reads_dots_literally_unless_megatron_is_asked_for) {
  ModuleMatcher matcher;
  matcher.target_modules = {
      {"*.layers.0.*.linear_qkv", "*.layers.1.*.linear_qkv"}};
  const std::string ten = "decoder.layers.10.self_attention";
  EXPECT_TRUE(hits(matcher, "linear_qkv", "decoder.layers.1.self_attention"));
  EXPECT_FALSE(hits(matcher, "linear_qkv", ten));
  matcher.syntax = PatternSyntax::kMegatron;
  EXPECT_TRUE(hits(matcher, "linear_qkv", ten));
}

TEST(ModuleMatcher, obeys_targets_changed_after_construction) {
  ModuleMatcher matcher;
  matcher.target_modules = {{"*.a"}};
  EXPECT_TRUE(hits(matcher, "a", "x"));
  matcher.target_modules->front() = "*.b";
  EXPECT_FALSE(hits(matcher, "a", "x"));
  EXPECT_TRUE(hits(matcher, "b", "x"));
}

TEST(ModuleMatcher, tries_a_malformed_pattern_only_when_it_comes_to_it) {
  ModuleMatcher matcher;
  matcher.target_modules = {{"linear_qkv", "("}};
  EXPECT_TRUE(hits(matcher, "linear_qkv", "x"));
  EXPECT_TRUE(hits(matcher, "(", "x"));
  EXPECT_THROW(hits(matcher, "other", "x"), ConfigError);
  const nn::Linear linear(1, 1, false);
  EXPECT_FALSE(matcher.match(linear).has_value());
}

TEST(ModuleMatcher, comes_to_a_malformed_pattern_in_the_order_of_the_list) {
  ModuleMatcher matcher;
  matcher.target_modules = {{"*.a", "{b", "*.c", "c"}};
  EXPECT_TRUE(hits(matcher, "a", "x"));
  EXPECT_THROW(hits(matcher, "c", "x"), ConfigError);
  matcher.target_modules = std::nullopt;
  matcher.exclude_modules = {"*.a", "[", "c"};
  EXPECT_FALSE(hits(matcher, "a", "x"));
  EXPECT_FALSE(hits(matcher, "c", "x"));
  EXPECT_THROW(hits(matcher, "d", "x"), ConfigError);
}

TEST(ModuleMatcher, reads_kinds) {
  ModuleMatcher matcher;
  matcher.target_modules = {{"kind=expert:*.up", "kind=attention"}};
  EXPECT_TRUE(hits(matcher, "up", "layers.0.mlp.experts.3"));
  EXPECT_FALSE(hits(matcher, "up", "layers.0.mlp"));
  EXPECT_FALSE(hits(matcher, "down", "layers.0.mlp.experts.3"));
  EXPECT_TRUE(hits(matcher, "q", "layers.0.self_attn"));
  // What is no layer is of no kind, wherever it stands.
  const auto list = test::make_stand_in("module_list");
  EXPECT_FALSE(matcher.match(*list, "q", "layers.0.self_attn"));
  matcher.target_modules = {{"kind=linear"}};
  EXPECT_TRUE(hits(matcher, "q", "x"));
  matcher.target_modules = {{"kind=atention"}};
  EXPECT_THROW(hits(matcher, "q", "x"), ConfigError);
  matcher.target_modules = std::nullopt;
  matcher.exclude_modules = {"kind=attention"};
  EXPECT_FALSE(hits(matcher, "q", "layers.0.self_attn"));
  EXPECT_TRUE(hits(matcher, "up", "layers.0.mlp"));
  // Only glob has them.
  matcher.syntax = PatternSyntax::kMegatron;
  EXPECT_TRUE(hits(matcher, "q", "layers.0.self_attn"));
}

TEST(ModuleMatcher, gives_the_first_of_many_patterns) {
  ModuleMatcher matcher;
  Names patterns;
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    patterns.push_back(i % 3 == 0   ? "*.layers." + number + ".*"
                       : i % 3 == 1 ? "linear_" + number
                                    : "layers.{" + number + "..}.b");
  }
  matcher.target_modules = patterns;
  const nn::Linear linear(1, 1, false);
  const auto pattern_of = [&](const std::string& name,
                              const std::string& prefix) {
    return matcher.match(linear, name, prefix)->pattern.value();
  };
  EXPECT_EQ(pattern_of("linear_7", "x"), "linear_7");
  EXPECT_EQ(pattern_of("b", "layers.4"), "layers.{2..}.b");
  EXPECT_EQ(pattern_of("linear_400", "m.layers.300"), "*.layers.300.*");
  EXPECT_EQ(pattern_of("linear_100", "m.layers.300"), "linear_100");
  EXPECT_FALSE(matcher.match(linear, "c", "layers.4"));
}

TEST(ModuleMatcher, all_linear_is_every_linear_but_the_output_head) {
  for (const PatternSyntax syntax :
       {PatternSyntax::kGlob, PatternSyntax::kMegatron, PatternSyntax::kPeft}) {
    ModuleMatcher matcher;
    matcher.syntax = syntax;
    matcher.target_modules = {{"all-linear"}};
    nn::ColumnParallelLinear head(1, 1, false);
    EXPECT_TRUE(matcher.match(head, "output_layer").has_value());
    head.set_output_head(true);
    EXPECT_FALSE(matcher.match(head, "output_layer").has_value());
    const torch::nn::Module container;
    EXPECT_FALSE(matcher.match(container, "decoder").has_value());
  }
}

TEST(ModuleMatcher, refuses_excludes_beside_targets_with_the_known_text) {
  ModuleMatcher matcher;
  matcher.exclude_modules = {"output_layer"};
  try {
    hits(matcher, "x", "");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "exclude_modules should be empty when using target_modules");
  }
  matcher.target_modules.reset();
  EXPECT_FALSE(hits(matcher, "output_layer", "a"));
  EXPECT_TRUE(hits(matcher, "x", "a"));
}

TEST(ModuleMatcher, te_kinds_take_part_in_exclude_mode_only_when_available) {
  ModuleMatcher matcher;
  matcher.target_modules.reset();
  const nn::TeRowParallelLinear row(1, 1, false);
  EXPECT_TRUE(matcher.match(row, "a").has_value());
  matcher.te_available = false;
  EXPECT_FALSE(matcher.match(row, "a").has_value());
}

TEST(ModuleMatcher, copies_compare_and_match_alike) {
  ModuleMatcher matcher;
  matcher.target_modules = {{"*.a"}};
  matcher.init_target_match_state();
  EXPECT_TRUE(hits(matcher, "a", "x"));
  ModuleMatcher copy(matcher);
  EXPECT_EQ(copy.alias_matches(), matcher.alias_matches());
  EXPECT_TRUE(hits(copy, "a", "y"));
  EXPECT_NE(copy.alias_matches(), matcher.alias_matches());
}

// A user's class that declares its kind.
class OwnLinear : public torch::nn::Module, public HasLayerKind {
 public:
  LayerKind layer_kind() const override { return LayerKind::kLinear; }
};

TEST(ModuleMatcher, obeys_a_declared_kind) {
  ModuleMatcher matcher;
  matcher.target_modules.reset();
  EXPECT_TRUE(matcher.match(OwnLinear(), "a").has_value());
}

TEST(CanonicalMapping, keeps_the_place_of_an_assigned_key) {
  CanonicalMapping mapping{{"b", {"x"}}, {"a", {"y"}}};
  mapping["b"] = {"z"};
  mapping["c"].insert("w");
  Names keys;
  for (const auto& [key, components] : mapping) keys.push_back(key);
  EXPECT_EQ(keys, (Names{"b", "a", "c"}));
  EXPECT_EQ(mapping.find("b")->second, std::set<std::string>{"z"});
  EXPECT_EQ(mapping.find("none"), mapping.end());
  EXPECT_EQ(mapping.size(), 3U);
}

}  // namespace
}  // namespace graft
