// Text up to a stop text, whatever pieces it comes in.
#include "graft/generate/text_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/base/error.h"

namespace graft {
namespace {

struct Row {
  std::vector<std::string> stops;
  std::vector<std::string> pieces;
  std::vector<std::string> shown;  // after each piece
  std::string rest;                // what finish adds
  bool stopped;
};

void check(const Row& row) {
  TextStream stream(row.stops);
  std::string text;
  for (std::size_t i = 0; i < row.pieces.size(); ++i) {
    text += row.pieces[i];
    EXPECT_EQ(stream.advance(text), row.shown[i]) << text;
  }
  EXPECT_EQ(stream.finish(), row.rest) << text;
  EXPECT_EQ(stream.stopped(), row.stopped) << text;
}

TEST(TextStream, shows_what_is_certain) {
  const std::vector<Row> rows = {
      {{}, {"ab", "c"}, {"ab", "c"}, "", false},
      {{"X"}, {"aXb"}, {"a"}, "", true},
      {{"X"}, {"X"}, {""}, "", true},
      {{"END"}, {"aE", "N", "Dz"}, {"a", "", ""}, "", true},
      {{"END"}, {"aE", "x"}, {"a", "Ex"}, "", false},
      {{"END"}, {"aE", "N"}, {"a", ""}, "EN", false},
      {{"aab"}, {"aa", "a", "b"}, {"", "a", ""}, "", true},
      {{"bc", "b c"}, {"a b", " c"}, {"a ", ""}, "", true},
      {{"late", "ate"}, {"plate"}, {"p"}, "", true},
      {{"\n\n"}, {"a\n", "b\n", "\n"}, {"a", "\nb", ""}, "", true},
      {{"é"}, {"caf\xef\xbf\xbd"}, {""}, "caf\xef\xbf\xbd", false},
  };
  for (const Row& row : rows) check(row);
}

TEST(TextStream, nothing_comes_after_a_stop) {
  TextStream stream({"X"});
  EXPECT_EQ(stream.advance("aX"), "a");
  EXPECT_EQ(stream.advance("aXbc"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, an_unfinished_character_waits) {
  TextStream stream({"z"});
  EXPECT_EQ(stream.advance("caf\xef\xbf\xbd"), "");
  EXPECT_EQ(stream.advance("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(TextStream, an_empty_stop_text_is_refused) {
  EXPECT_THROW(TextStream({"a", ""}), ConfigError);
}

}  // namespace
}  // namespace graft
