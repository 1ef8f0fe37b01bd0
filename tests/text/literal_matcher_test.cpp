// Leftmost, then longest.
#include "text/literal_matcher_internal.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace graft::text {
namespace {

LiteralMatcher matcher_of(std::initializer_list<const char*> literals) {
  LiteralMatcher out;
  for (const char* literal : literals) out.add(literal);
  return out;
}

struct Row {
  const char* text;
  std::size_t from;
  std::size_t begin;
  std::size_t end;
  std::size_t literal;
};

TEST(LiteralMatcher, FindsLeftmostLongest) {
  const auto matcher = matcher_of({"<a", "<a>", "b>", "", "<a>"});
  for (const Row& row : {Row{"x<a>", 0, 1, 4, 1}, Row{"<a b>", 0, 0, 2, 0},
                         Row{"<a b>", 1, 3, 5, 2}, Row{"<<a", 0, 1, 3, 0}}) {
    const auto match = matcher.find(row.text, row.from);
    ASSERT_TRUE(match) << row.text;
    EXPECT_EQ(match->range.begin, row.begin) << row.text;
    EXPECT_EQ(match->range.end, row.end) << row.text;
    EXPECT_EQ(match->literal, row.literal) << row.text;
  }
  EXPECT_FALSE(matcher.find("< a", 0));
  EXPECT_FALSE(matcher.find("", 0));
}

}  // namespace
}  // namespace graft::text
