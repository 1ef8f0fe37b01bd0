// Columns, wrapped lines and broken lists.
#include "match/text_table_internal.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

TEST(TextTable, aligns_and_leaves_out_empty_columns) {
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kLeft,
                   TextTable::Align::kRight});
  table.add_row({"a", "", "1"});
  table.add_line("a line of its own, longer than every row");
  table.add_row({"öö", "", "100"});
  EXPECT_EQ(table.str(),
            "a     1\na line of its own, longer than every row\nöö  100\n");
}

TEST(TextTable, wraps_at_spaces_only) {
  EXPECT_EQ(wrap_text("one two three", 2, 8), "one two\n  three");
  EXPECT_EQ(wrap_text("longer-than-the-width b", 2, 8),
            "longer-than-the-width\n  b");
  EXPECT_EQ(wrap_text("", 2, 8), "");
}

TEST(TextTable, breaks_lists_after_commas) {
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(split_list("", 4), Pieces{""});
  EXPECT_EQ(split_list("0-31", 4), Pieces{"0-31"});
  EXPECT_EQ(split_list("0,2,4,10-12", 4), (Pieces{"0,2,", "4,", "10-12"}));
}

TEST(TextTable, separates_thousands) {
  EXPECT_EQ(with_separators(0), "0");
  EXPECT_EQ(with_separators(999), "999");
  EXPECT_EQ(with_separators(1234567), "1,234,567");
}

}  // namespace
}  // namespace graft
