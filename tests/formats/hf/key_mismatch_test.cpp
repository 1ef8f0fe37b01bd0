// Which prefix explains two sets of names, and what stays unexplained.
#include "formats/hf/key_mismatch_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graft {
namespace {

using Names = std::vector<std::string>;

TEST(KeyMismatch, samples_and_shapes) {
  EXPECT_EQ(sample_names({}), "");
  EXPECT_EQ(sample_names({"a", "b"}), "a, b");
  EXPECT_EQ(sample_names({"a", "b", "c", "d", "e", "f"}),
            "a, b, c, d and 2 more");
  EXPECT_EQ(sample_names({"a\x1b[31m"}).find('\x1b'), std::string::npos);
  EXPECT_EQ(shape_text(std::vector<std::int64_t>{64, 16}), "[64, 16]");
  EXPECT_EQ(shape_text({}), "[]");
}

TEST(KeyMismatch, explains_one_insertion) {
  struct Row {
    Names wanted, found;
    std::string text;
  };
  const std::vector<Row> rows = {
      {{"m.a.w", "m.b.w"}, {"m.x.a.w", "m.x.b.w"}, "has 'x.' after 'm.'"},
      {{"m.a.w"}, {"p.q.m.a.w"}, "has 'p.q.' at the front"},
      {{"p.m.a.w", "p.m.b.w"}, {"m.a.w", "m.b.w"}, "lacks 'p.' at the front"},
      {{"m.m.a.w"}, {"m.a.w"}, "lacks 'm.' after 'm.'"},
      {{"m.a.w"}, {"m.a.w2"}, ""},
      {{"m.a.w", "m.b.w"}, {"m.x.a.w", "m.y.b.w"}, ""},
      {{"m.a.w"}, {}, ""},
      {{}, {"m.a.w"}, ""},
      {{"ab.w"}, {"xab.w"}, ""},
  };
  for (const Row& row : rows) {
    const std::string text = explain_names(row.wanted, row.found);
    if (row.text.empty()) {
      EXPECT_EQ(text, "");
    } else {
      EXPECT_THAT(text, testing::HasSubstr(row.text));
    }
  }
}

}  // namespace
}  // namespace graft
