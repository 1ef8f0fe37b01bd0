// Patterns of the reference's engine: what they match here, and which are
// refused. The expected pieces were taken from the tokenizers package 0.23.3.
#include "text/oniguruma_pattern_internal.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "text/regex_internal.h"

namespace graft::text {
namespace {

std::vector<std::string> find(const std::string& pattern,
                              const std::string& text) {
  const Regex regex(pattern, Regex::Syntax::kOniguruma, "test");
  std::vector<std::string> out;
  for (const ByteRange& range : regex.find_all(text)) {
    out.push_back(text.substr(range.begin, range.end - range.begin));
  }
  return out;
}

struct Row {
  const char* pattern;
  const char* text;
  std::vector<std::string> matches;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(find(row.pattern, row.text), row.matches) << row.pattern;
  }
}

TEST(OnigurumaPattern, MatchesCharactersAsTheReference) {
  check({
      {"^a", "a\na", {"a", "a"}},
      {"a$", "a\na\n", {"a", "a"}},
      {".", "a\n\r", {"a", "\r"}},
      {"(?m:.)", "a\n", {"a", "\n"}},
      {"\\s+",
       "a\xC2\x85\xE3\x80\x80"
       "b",
       {"\xC2\x85\xE3\x80\x80"}},
      {"\\s", "\xE1\xA0\x8E", {}},  // U+180E is no white space
      {"\\S", "\xE1\xA0\x8E", {"\xE1\xA0\x8E"}},
      {"[\\S]", "\xE1\xA0\x8E", {"\xE1\xA0\x8E"}},
      {"[^\\s]", "\xE1\xA0\x8E", {"\xE1\xA0\x8E"}},
      {"\\w", "\xC2\xB2_\xE2\x82\x82", {"\xC2\xB2", "_"}},
      {"[\\w]", "\xC2\xB2_", {"_"}},
      {"\\bb", "b ab", {"b"}},
      {"\\h+", "xa1g", {"a1"}},
      {"\\v", "\x0B\n", {"\x0B"}},
      {"\\u0041|\\x42|\\x{43}", "ABC", {"A", "B", "C"}},
      {"(?i:'s|'LL)", "'S'll'\xC5\xBF", {"'S", "'ll", "'\xC5\xBF"}},
      {"(?i)a|b", "AB", {"A", "B"}},
      {"\\p{Han}|\\p{Letter}\\p{^L}",
       "\xE6\xBC\xA2"
       "a1",
       {"\xE6\xBC\xA2", "a1"}},
  });
}

TEST(OnigurumaPattern, MatchesRepeatsAndClassesAsTheReference) {
  check({
      {"\\p{N}{1,3}+", "12345", {"12345"}},
      {"\\p{N}{1,3}", "12345", {"123", "45"}},
      {"a{,2}", "aaa", {"aa", "a"}},
      {"a{2}?", "aaa", {"aa", ""}},
      {"a{,}b{", "a{,}b{", {"a{,}b{"}},
      {"a?+\\n++", "a\n\n", {"a\n\n"}},
      {"[[:alpha:]-]+", "a-1", {"a-"}},
      {"[\\s-]", "-b", {"-"}},
      {"[a[b-c]-]+", "ab-]", {"ab-"}},
      {"[]a]", "]a", {"]", "a"}},
  });
}

TEST(OnigurumaPattern, RefusesWhatHasNoCounterpart) {
  for (const char* pattern :
       {"[a[^b]]", "[a&&b]", "[\\W]", "(?~a)", "(*FAIL)", "a(?i)b", "(?x:a b)",
        "\\xE3", "\\u12", "\\y", "\\pL", "\\p{Klingon}", "[[:punct:]]", "[a",
        "\\", "(a", "a**+"}) {
    EXPECT_THROW(Regex(pattern, Regex::Syntax::kOniguruma, ""), PatternError)
        << pattern;
  }
}

TEST(Regex, PassesOverEmptyMatchesAfterAMatch) {
  EXPECT_EQ(find("a*", "baa"), (std::vector<std::string>{"", "aa"}));
  EXPECT_EQ(find("", "\xC3\xA9"), (std::vector<std::string>{"", ""}));
}

TEST(Regex, LiteralsHaveNoSyntax) {
  const Regex regex(".*", Regex::Syntax::kLiteral, "test");
  EXPECT_EQ(regex.find_all("a.*b").size(), 1u);
}

TEST(Regex, StopsACostlyPattern) {
  const Regex regex("(a+)+$", Regex::Syntax::kOniguruma, "test");
  EXPECT_THROW(regex.find_all(std::string(60, 'a') + "b"), FileError);
}

}  // namespace
}  // namespace graft::text
