// Every behaviour over one partition; expected pieces from the tokenizers
// package 0.23.3.
#include "text/piece_split_internal.h"

#include <gtest/gtest.h>

#include <string>

namespace graft::text {
namespace {

using Strings = std::vector<std::string>;

std::vector<ByteRange> dashes(const std::string& text) {
  std::vector<ByteRange> out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') out.push_back({i, i + 1});
  }
  return out;
}

Strings split(const std::string& text, SplitBehavior behavior) {
  Strings out;
  for (const ByteRange& range :
       arrange(partition(dashes(text), text.size()), behavior)) {
    out.push_back(text.substr(range.begin, range.end - range.begin));
  }
  return out;
}

TEST(PieceSplit, ArrangesMatches) {
  const std::string text = "the-final--countdown";
  EXPECT_EQ(split(text, SplitBehavior::kRemoved),
            (Strings{"the", "final", "countdown"}));
  EXPECT_EQ(split(text, SplitBehavior::kIsolated),
            (Strings{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(split(text, SplitBehavior::kMergedWithPrevious),
            (Strings{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(split(text, SplitBehavior::kMergedWithNext),
            (Strings{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(split(text, SplitBehavior::kContiguous),
            (Strings{"the", "-", "final", "--", "countdown"}));
}

TEST(PieceSplit, TreatsMatchesAtTheEdges) {
  EXPECT_EQ(split("-a-", SplitBehavior::kMergedWithPrevious),
            (Strings{"-", "a-"}));
  EXPECT_EQ(split("-a-", SplitBehavior::kMergedWithNext), (Strings{"-a", "-"}));
  EXPECT_EQ(split("--", SplitBehavior::kRemoved), Strings{});
  EXPECT_EQ(split("", SplitBehavior::kIsolated), Strings{});
}

TEST(PieceSplit, LeavesEmptyPiecesOut) {
  const std::vector<ByteRange> matches = {{0, 0}, {1, 1}, {2, 2}};
  EXPECT_EQ(partition(matches, 2).size(), 5u);
  EXPECT_EQ(arrange(partition(matches, 2), SplitBehavior::kIsolated).size(),
            2u);
}

}  // namespace
}  // namespace graft::text
