// The glob grammar: what matches, what does not, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"

namespace graft {
namespace {

struct GlobCase {
  const char* pattern;
  const char* name;
  bool matches;
};

template <std::size_t kCount>
void check_cases(const GlobCase (&cases)[kCount]) {
  for (const GlobCase& row : cases) {
    EXPECT_EQ(NamePattern::glob(row.pattern).matches(row.name), row.matches)
        << row.pattern << " on " << row.name;
  }
}

TEST(Glob, matches_whole_names) {
  const GlobCase cases[] = {
      {"a.b", "a.b", true},
      {"a.b", "aXb", false},
      {"a", "a\n", false},
      {"", "", true},
      {"*", "", true},
      {"*", "a.b\nc", true},
      {"**", "x", true},
      {"*.x", ".x", true},
      {"*.x", "x", false},
      {"a*b*c", "a.b.b.c", true},
      {"a*b*c", "a.c.b", false},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"a?c", "a\u00e9c", true},
      {"a??c", "a\u00e9c", false},
      {"*?", "\xC3\xA9", true},
      {"*.layers.0.*.linear_qkv", "decoder.layers.0.self_attention.linear_qkv",
       true},
      {"*.layers.1.*", "decoder.layers.1.mlp", true},
      {"*.layers.1.*", "decoder.layers.10.mlp", false},
      {"*.layers.1.*", "decoder.layers.1", false},
  };
  check_cases(cases);
}

TEST(Glob, classes_hold_code_points) {
  const GlobCase cases[] = {
      {"[0-3]", "2", true},
      {"[0-3]", "4", false},
      {"[!0-3]", "4", true},
      {"[!0-3]", "3", false},
      {"[a-]", "-", true},
      {"[*?]", "*", true},
      {"[\xC3\xA0-\xC3\xAA]", "\xC3\xA9", true},
  };
  check_cases(cases);
}

TEST(Glob, alternatives_and_ranges) {
  const GlobCase cases[] = {
      {"{a,b}", "b", true},
      {"{a,b}", "c", false},
      {"{q,k{1,2}}_proj", "k2_proj", true},
      {"{q,k{1,2}}_proj", "k_proj", false},
      {"x{,y}z", "xz", true},
      {"x{,y}z", "xyz", true},
      {"{*.a,*.b}", "n.b", true},
      {"{a,b},c", "a,c", true},
      {"layers.{0..7}", "layers.7", true},
      {"layers.{0..7}", "layers.8", false},
      {"layers.{0..7}", "layers.07", true},
      {"layers.{0..7}", "layers.17", false},
      {"layers.{24..}", "layers.24", true},
      {"layers.{24..}", "layers.23", false},
      {"layers.{24..}", "layers.99999999999999999999999", true},
      {"layers.{24..}", "layers.", false},
      {"*{1..1}", "layers.1", true},
      {"*{1..1}", "layers.11", false},
      {"1{0..7}", "12", false},
      {"{0..7}*", "12", false},
      {"{0..7}{0..7}", "12", false},
  };
  check_cases(cases);
}

TEST(Glob, refuses_regular_expressions) {
  const char* const patterns[] = {
      ".*",      ".*q_proj", ".*proj.*", "model.layers.*self_attn",
      "(a|b)",   "a|b",      "a+",       "\\d",
      "^a",      "a$",       "[^a]",     "model\\.layers\\.0",
      "x.*_proj"};
  for (const char* pattern : patterns) {
    try {
      NamePattern::glob(pattern);
      ADD_FAILURE() << pattern;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(),
                  testing::HasSubstr("looks like a regular expression: use "
                                     "syntax megatron or peft"));
    }
  }
}

TEST(Glob, takes_stars_that_are_whole_components) {
  for (const char* pattern :
       {"layers.0.*", "*.layers.*", "a.*.b", "a.**", "{a.*,b}"}) {
    EXPECT_NO_THROW(NamePattern::glob(pattern)) << pattern;
  }
}

TEST(Glob, refuses_malformed_patterns) {
  const char* const patterns[] = {
      "[",      "[a",          "[]",
      "[!]",    "a]",          "{",
      "{a",     "{a}",         "{}",
      "a}",     "{7..0}",      "{0..",
      "{..7}",  "[b-a]",       "\xFF",
      "{0..x}", "{0..1,5..6}", "{99999999999999999999..}"};
  for (const char* pattern : patterns) {
    EXPECT_THROW(NamePattern::glob(pattern), ConfigError) << pattern;
  }
}

// Nested stars and alternatives cost pattern length x name length.
TEST(Glob, stays_fast_on_hostile_patterns) {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "{*a,*aa}";
  const std::string name(2000, 'a');
  EXPECT_FALSE(NamePattern::glob(pattern + "b").matches(name));
}

}  // namespace
}  // namespace graft
