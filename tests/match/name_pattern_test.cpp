// Python's regular expressions and PEFT's endings, in small tables.
#include "graft/match/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"

namespace graft {
namespace {

struct NameCase {
  const char* pattern;
  const char* name;
  bool matches;
};

TEST(NamePattern, megatron_is_pythons_match) {
  const NameCase cases[] = {
      {"a.b", "aXb", true},           {"a", "a\n", true},
      {"a*b", "a\nb", false},         {"a|zzz", "abc", true},
      {"a|zzz", "xzzz", false},       {"*-\\1", "ab-ab", true},
      {"*-\\1", "ab-ac", false},      {"[*]x", "(x", true},
      {"a{,2}", "aa", true},          {"a{,2}", "a{,2}", false},
      {"a{x", "a{x", true},           {"a\\Z", "a\n", false},
      {"(?P<g>a)(?P=g)", "aa", true}, {"(?i:q)_proj", "Q_proj", true},
      {"a++b", "aab", true},          {"(?>a|ab)c", "abc", false},
      {"a(?#note){2}", "aa", true},   {"\\d", "\xD9\xA3", true},
      {"[\\W]", "-", true},           {"[^\\W]", "-", false},
      {"(a)?(?(1)b|c)", "c", true},   {"\\101", "A", true},
      {"x\\b.y", "x.y", true},        {"\\B", "", false},
  };
  for (const NameCase& row : cases) {
    EXPECT_EQ(NamePattern::megatron(row.pattern).matches(row.name), row.matches)
        << row.pattern << " on " << row.name;
  }
}

TEST(NamePattern, peft_regex_takes_the_whole_path) {
  const NameCase cases[] = {
      {"q_proj", "a.q_proj", false},
      {".*q_proj", "a.q_proj", true},
      {"q_proj", "q_proj\n", false},
      {"a|ab", "ab", true},
      {"(?i)Q_PROJ", "q_proj", true},
      {"(?x) q _ proj  # name", "q_proj", true},
      {".*\\.(q|v)_proj", "l.v_proj", true},
  };
  for (const NameCase& row : cases) {
    EXPECT_EQ(NamePattern::peft_regex(row.pattern).matches(row.name),
              row.matches)
        << row.pattern << " on " << row.name;
  }
}

TEST(NamePattern, peft_suffix_is_a_dotted_ending) {
  const NameCase cases[] = {
      {"q_proj", "q_proj", true},
      {"q_proj", "a.q_proj", true},
      {"q_proj", "a.xq_proj", false},
      {"a.q_proj", "b.a.q_proj", true},
      {"*", "a.*", true},
      {"*", "a.b", false},
      {"a.b.c", "b.c", false},
      {"", "a.", true},
  };
  for (const NameCase& row : cases) {
    EXPECT_EQ(NamePattern::peft_suffix(row.pattern).matches(row.name),
              row.matches)
        << row.pattern << " on " << row.name;
  }
}

struct MalformedCase {
  const char* pattern;
  const char* problem;
};

TEST(NamePattern, says_what_is_malformed) {
  const MalformedCase cases[] = {
      {"(a", "missing ), unterminated subpattern at position"},
      {"a)", "unbalanced parenthesis"},
      {"[a", "unterminated character set"},
      {"[b-a]", "bad character range"},
      {"+a", "nothing to repeat"},
      {"a+{2}", "multiple repeat"},
      {"a{3,2}", "min repeat greater than max repeat"},
      {"(?<=a+)b", "look-behind requires fixed-width pattern"},
      {"(a\\1)", "cannot refer to an open group"},
      {"\\2(a)", "invalid group reference"},
      {"(?P<g>a)(?P<g>b)", "redefinition of group name 'g'"},
      {"(?P=g)", "unknown group name 'g'"},
      {"a(?i)b", "global flags not at the start of the expression"},
      {"\\e", "bad escape"},
      {"(?", "unexpected end of pattern"},
      {"\\N{DASH}", "which graft does not support"},
      {"a{99999}", "which graft does not support"},
      {"\xFF", "it is not UTF-8"},
  };
  for (const MalformedCase& row : cases) {
    try {
      NamePattern::peft_regex(row.pattern);
      ADD_FAILURE() << row.pattern;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(row.problem));
    }
  }
}

// The reference to a group keeps it with PCRE2.
TEST(NamePattern, stops_runaway_expressions) {
  const NamePattern pattern = NamePattern::peft_regex("(a|aa|a?)+\\1b");
  EXPECT_THROW(pattern.matches(std::string(200, 'a') + "bc"), ConfigError);
}

TEST(NamePattern, refuses_groups_nested_without_end) {
  const std::string deep(100000, '(');
  EXPECT_THROW(NamePattern::peft_regex(deep), ConfigError);
}

}  // namespace
}  // namespace graft
