// Vocabulary and merges as tables.
#include "text/token_table_internal.h"

#include <gtest/gtest.h>

#include "text/merge_table_internal.h"

namespace graft::text {
namespace {

TEST(TokenTable, FindsBothWays) {
  TokenTable table;
  for (std::uint32_t id = 0; id < 5000; ++id) {
    ASSERT_EQ(table.add("t" + std::to_string(id), id * 2),
              TokenTable::AddResult::kAdded);
  }
  for (std::uint32_t id = 0; id < 5000; ++id) {
    ASSERT_EQ(table.find("t" + std::to_string(id)), id * 2);
    ASSERT_EQ(table.token(id * 2), "t" + std::to_string(id));
    ASSERT_EQ(table.token(id * 2 + 1), std::nullopt);
  }
  EXPECT_EQ(table.find("t5000"), std::nullopt);
  EXPECT_EQ(table.size(), 5000u);
  EXPECT_EQ(table.id_end(), 9999u);
}

TEST(TokenTable, ReportsDuplicates) {
  TokenTable table;
  EXPECT_EQ(table.find("a"), std::nullopt);
  EXPECT_EQ(table.add("a", 1), TokenTable::AddResult::kAdded);
  EXPECT_EQ(table.add("a", 2), TokenTable::AddResult::kDuplicateToken);
  EXPECT_EQ(table.add("b", 1), TokenTable::AddResult::kDuplicateId);
  EXPECT_EQ(table.size(), 1u);
}

TEST(MergeTable, FindsPairs) {
  std::vector<MergeTable::Entry> entries;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    entries.push_back({i, i * 7, {i, i + 1}});
  }
  MergeTable table(entries.size());
  table.set(entries);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ASSERT_NE(table.find(i, i * 7), nullptr);
    EXPECT_EQ(table.find(i, i * 7)->id, i + 1);
    EXPECT_EQ(table.find(i * 7 + 1, i), nullptr);
  }
}

TEST(MergeTable, TheLastOfEqualPairsCounts) {
  MergeTable table(2);
  const MergeTable::Entry entries[] = {{1, 2, {0, 3}}, {1, 2, {1, 4}}};
  table.set(entries);
  EXPECT_EQ(table.find(1, 2)->id, 4u);
  EXPECT_EQ(MergeTable(0).find(1, 2), nullptr);
}

}  // namespace
}  // namespace graft::text
