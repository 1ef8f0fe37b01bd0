// Distances and nearest names.
#include "graft/base/edit_distance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graft {
namespace {

TEST(EditDistance, KnownPairs) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("q_porj", "q_proj"), 1u);  // one swap
}

TEST(NearestNames, NearestFirstAndNothingFar) {
  const std::vector<std::string> names{"o_proj", "q_proj", "mlp", "q_proj"};
  EXPECT_THAT(nearest_names("q_porj", names, 3),
              testing::ElementsAre("q_proj", "o_proj"));
  EXPECT_TRUE(nearest_names("embedding", names, 3).empty());
}

}  // namespace
}  // namespace graft
