// Patterns and names that no honest person writes: each an error that shows
// the place, or a right answer, and soon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "graft/match/selector.h"
#include "match/model_inventory.h"

namespace graft {
namespace {

using test::make_rule;

std::string error_of(const std::string& pattern, PatternSyntax syntax) {
  Rule rule = make_rule({pattern}, {}, syntax);
  rule.peft.targets_regex = syntax == PatternSyntax::kPeft;
  try {
    Selector::compile({rule});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

std::optional<std::size_t> hit_of(const std::string& pattern,
                                  PatternSyntax syntax,
                                  const std::string& name) {
  const Selector selector =
      Selector::compile({make_rule({pattern}, {}, syntax)});
  return selector.match_one(0, name.substr(name.rfind('.') + 1), name);
}

TEST(BadPattern, has_a_caret_under_the_place) {
  const struct {
    const char* pattern;
    PatternSyntax syntax;
    const char* marked;
  } cases[] = {
      {"a.[0-3", PatternSyntax::kGlob, "\n    a.[0-3\n      ^"},
      {"x{a,b", PatternSyntax::kGlob, "\n    x{a,b\n     ^"},
      {"é{7..0}", PatternSyntax::kGlob, "\n    é{7..0}\n     ^"},
      {"a]b", PatternSyntax::kGlob, "\n    a]b\n     ^"},
      {"*.(q|k)_proj", PatternSyntax::kGlob, "\n    *.(q|k)_proj\n      ^"},
      {"*.a[bc", PatternSyntax::kMegatron, "\n    *.a[bc\n          ^"},
      {"*.(q", PatternSyntax::kMegatron, "\n    *.(q\n      ^"},
      {"a+{2}", PatternSyntax::kPeft, "\n    a+{2}\n         ^"},
  };
  for (const auto& row : cases) {
    EXPECT_THAT(error_of(row.pattern, row.syntax),
                testing::HasSubstr(row.marked));
  }
}

TEST(BadPattern, long_ones_are_shown_in_part) {
  const std::string text = std::string(5000, 'a') + "[" + std::string(50, 'b');
  const std::string error = error_of(text, PatternSyntax::kGlob);
  EXPECT_LT(error.size(), 1000u);
  EXPECT_THAT(error, testing::HasSubstr("\n    ..."));
  EXPECT_THAT(error, testing::HasSubstr("a[b"));
}

TEST(BadPattern, a_megabyte_is_answered) {
  std::string text;
  while (text.size() < 1'000'000) text += "ab*c.";
  const std::string name = "abc.abxc.ab";
  for (const PatternSyntax syntax :
       {PatternSyntax::kGlob, PatternSyntax::kMegatron}) {
    EXPECT_FALSE(hit_of(text, syntax, name));
    EXPECT_TRUE(hit_of(std::string(1'000'000, '*'), syntax, name));
  }
  EXPECT_TRUE(hit_of("*" + text, PatternSyntax::kGlob, "x" + text));
}

TEST(BadPattern, a_megabyte_of_expression_is_an_error_or_an_answer) {
  std::string text;
  while (text.size() < 1'000'000) text += "(?=a){2}\\b";
  EXPECT_NE(error_of(text, PatternSyntax::kMegatron), "no error");
  EXPECT_NE(error_of(std::string(1'000'000, '['), PatternSyntax::kGlob),
            "no error");
}

TEST(BadPattern, a_hundred_thousand_are_one_automaton) {
  std::vector<std::string> patterns;
  for (int i = 0; i < 100'000; ++i) {
    const std::string number = std::to_string(i);
    patterns.push_back(i % 2 == 0
                           ? "*.layers." + number + ".*.q_proj"
                           : "m.{0..7}.experts." + number + ".{up,down}_proj");
  }
  const Selector selector = Selector::compile({make_rule(patterns)});
  EXPECT_EQ(selector.match_one(0, "q_proj", "m.layers.99998.attn.q_proj"),
            99998u);
  EXPECT_EQ(selector.match_one(0, "up_proj", "m.7.experts.777.up_proj"), 777u);
  EXPECT_FALSE(selector.match_one(0, "up_proj", "m.8.experts.777.up_proj"));
}

TEST(BadPattern, a_hundred_thousand_malformed_are_told_in_few_words) {
  std::vector<std::string> patterns;
  for (int i = 0; i < 100'000; ++i) {
    patterns.push_back("*.layers." + std::to_string(i) + ".[0-");
  }
  try {
    Selector::compile({make_rule(patterns)});
    FAIL();
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_THAT(text, testing::HasSubstr("'*.layers.0.[0-'"));
    EXPECT_THAT(text, testing::HasSubstr("and 99980 more"));
    EXPECT_LT(text.size(), 10'000u);
  }
}

TEST(BadPattern, catastrophic_ones_end_within_a_second) {
  const std::string name = std::string(5000, 'a') + "bc";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(NamePattern::megatron("(a|aa|a?)+\\1b").matches(name),
               ConfigError);
  EXPECT_THROW(NamePattern::peft_regex("(a|aa|a?)+\\1b").matches(name),
               ConfigError);
  // Plain ones do not backtrack at all.
  EXPECT_FALSE(NamePattern::megatron("(a*)*b").matches(name));
  EXPECT_FALSE(NamePattern::peft_regex("((a+)+)+b").matches(name));
  EXPECT_FALSE(NamePattern::glob("*a*a*a*a*a*a*a*a*a*a*a*b").matches(name));
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  // A second each, with room for a busy machine.
  EXPECT_LT(seconds.count(), 10.0);
}

TEST(BadPattern, work_without_end_is_an_error) {
  std::string pattern;
  for (int i = 0; i < 20'000; ++i) pattern += "{*a,*aa}";
  EXPECT_THROW(
      NamePattern::glob(pattern + "b").matches(std::string(100'000, 'a')),
      ConfigError);
}

TEST(BadName, is_answered) {
  const std::string zero("a\0b", 3);
  const struct {
    const char* pattern;
    PatternSyntax syntax;
    std::string name;
    bool hit;
  } cases[] = {
      {"a?b", PatternSyntax::kGlob, zero, true},
      {"a*", PatternSyntax::kGlob, "a\nb.c", true},
      {"a*", PatternSyntax::kMegatron, "a\nb.c", false},
      {"a*c", PatternSyntax::kMegatron, "abc\n", true},
      {"a?", PatternSyntax::kGlob, "a\xFF", true},
      {"*\xC3\xA9", PatternSyntax::kGlob, "a\xC3.\xC3\xA9", true},
      {"a.", PatternSyntax::kMegatron, "a\xFF", false},
      {"a*z", PatternSyntax::kGlob, "a" + std::string(100'000, '.') + "z",
       true},
      {"a*z", PatternSyntax::kMegatron, "a" + std::string(100'000, 'x'), false},
      {"*", PatternSyntax::kGlob, "", true},
  };
  for (const auto& row : cases) {
    EXPECT_EQ(hit_of(row.pattern, row.syntax, row.name).has_value(), row.hit)
        << row.pattern << " on " << row.name.substr(0, 40);
  }
}

TEST(BadName, an_empty_model_has_no_sites) {
  const Plan plan =
      Selector::compile({make_rule({"*.q_proj"})}).select(Inventory{});
  EXPECT_TRUE(plan.sites.empty());
  ASSERT_EQ(plan.entries.size(), 1u);
  EXPECT_TRUE(plan.entries[0].sites.empty());
}

TEST(BadPattern, stars_eaten_by_a_page_are_put_back) {
  const Inventory inventory = test::make_llama_inventory(2);
  const Plan plan = Selector::compile({make_rule({".layers.0..linear_qkv"})})
                        .select(inventory);
  ASSERT_EQ(plan.entries.size(), 1u);
  EXPECT_THAT(plan.entries[0].suggestions,
              testing::Contains("*.layers.0.*.linear_qkv"));
}

}  // namespace
}  // namespace graft
