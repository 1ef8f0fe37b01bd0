// Inventories of names that another program lists.
#include "graft/formats/name_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "graft/base/error.h"

namespace graft {
namespace {

using testing::HasSubstr;

Inventory read(const std::string& text) {
  std::istringstream in(text);
  return read_name_list(in, "names");
}

TEST(NameList, tells_layer_expert_and_head) {
  const Inventory list = read(
      "model.layers.3.mlp.experts.7.up_proj\r\n\nmodel.layers.3.q_proj\n"
      "decoder.layers.0.mlp.local_experts.2.linear_fc1\nlm_head");
  ASSERT_EQ(list.modules.size(), 4u);
  EXPECT_EQ(list.modules[0].path, "model.layers.3.mlp.experts.7.up_proj");
  EXPECT_EQ(list.modules[0].layer, 3);
  EXPECT_EQ(list.modules[0].expert, 7);
  EXPECT_EQ(list.modules[1].expert, std::nullopt);
  EXPECT_EQ(list.modules[2].expert, 2);
  EXPECT_FALSE(list.modules[2].output_head);
  EXPECT_TRUE(list.modules[3].output_head);
  for (const ModuleInfo& info : list.modules) {
    EXPECT_EQ(info.kind, LayerKind::kLinear);
    EXPECT_EQ(info.in, 0);
    EXPECT_EQ(info.out, 0);
  }
  EXPECT_FALSE(list.has_family_table);
  EXPECT_TRUE(list.warnings.empty());
}

TEST(NameList, tells_routers_by_the_experts_beside_them) {
  const Inventory list = read(
      "a.0.mlp.gate\na.0.mlp.experts.0.up\na.1.mlp.gate\na.2.moe.router\n"
      "a.2.moe.experts\na.3.gate\na.3.expertsx.0\ngate\n");
  std::string routers;
  for (const ModuleInfo& info : list.modules) {
    if (info.kind == LayerKind::kRouter) routers += info.path + " ";
  }
  EXPECT_EQ(routers, "a.0.mlp.gate a.2.moe.router ");
}

TEST(NameList, counts_a_repeated_name_once) {
  const Inventory list = read("a.b\na.c\na.b\na.b\n");
  EXPECT_EQ(list.modules.size(), 2u);
  ASSERT_EQ(list.warnings.size(), 1u);
  EXPECT_THAT(list.warnings[0], HasSubstr("2 names are given again"));
}

TEST(NameList, takes_any_bytes) {
  const Inventory list = read(std::string("a\0b\n\xff\xfe.q\n..\n", 11));
  ASSERT_EQ(list.modules.size(), 3u);
  EXPECT_EQ(list.modules[0].path, std::string("a\0b", 3));
  EXPECT_EQ(list.modules[1].name(), "q");
  EXPECT_EQ(read(std::string(100000, 'a')).modules[0].path.size(), 100000u);
}

TEST(NameList, refuses_nothing_and_depth) {
  EXPECT_THROW(read(""), FileError);
  EXPECT_THROW(read("\n\r\n"), FileError);
  std::string deep = "a";
  for (int i = 0; i < 63; ++i) deep += ".a";
  EXPECT_EQ(read(deep).modules.size(), 1u);
  EXPECT_THROW(read(deep + ".a"), FileError);
}

}  // namespace
}  // namespace graft
