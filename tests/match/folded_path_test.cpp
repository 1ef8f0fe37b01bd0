// Paths without their layer and expert numbers, and what is said of many.
#include "match/folded_path_internal.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

struct NumberCase {
  const char* path;
  std::optional<std::int64_t> layer;
  std::optional<std::int64_t> expert;
  const char* folded;
};

TEST(FoldedPath, finds_layer_and_expert) {
  const NumberCase cases[] = {
      {"lm_head", {}, {}, "lm_head"},
      {"model.layers.3.mlp.up_proj", 3, {}, "model.layers.*.mlp.up_proj"},
      {"model.layers.3.mlp.experts.3.up_proj", 3, 3,
       "model.layers.*.mlp.experts.*.up_proj"},
      {"decoder.layers.12.mlp.local_experts.7.linear_fc1", 12, 7,
       "decoder.layers.*.mlp.local_experts.*.linear_fc1"},
      {"experts.5.w1", {}, 5, "experts.*.w1"},
      // The first number is the layer; others stay.
      {"h.0.moe.1.w", 0, {}, "h.*.moe.1.w"},
      {"a.1234567890.b", {}, {}, "a.1234567890.b"},
      {"layers.1.x1.y", 1, {}, "layers.*.x1.y"},
      {"", {}, {}, ""},
  };
  for (const NumberCase& row : cases) {
    const PathNumbers numbers = path_numbers(row.path);
    EXPECT_EQ(numbers.layer, row.layer) << row.path;
    EXPECT_EQ(numbers.expert, row.expert) << row.path;
    EXPECT_EQ(fold_path(row.path, numbers.layer, numbers.expert), row.folded);
  }
}

TEST(FoldedPath, blocks_are_exact_products) {
  LayerGrid grid;
  for (int layer = 0; layer < 3; ++layer) {
    for (int expert = 0; expert < 4; ++expert) {
      if (layer == 1 && expert == 3) continue;
      grid.add(layer, expert);
    }
  }
  const auto blocks = grid.blocks();
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(block_text(blocks[0]), "layers 0,2, experts 0-3");
  EXPECT_EQ(blocks[0].count, 8u);
  EXPECT_EQ(block_text(blocks[1]), "layer 1, experts 0-2");
  EXPECT_EQ(blocks[1].count, 3u);
}

TEST(FoldedPath, counts_what_is_in_no_layer) {
  LayerGrid grid;
  grid.add({}, {});
  grid.add(4, {});
  grid.add(4, {});
  const auto blocks = grid.blocks();
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(block_text(blocks[0]), "");
  EXPECT_EQ(blocks[0].count, 1u);
  EXPECT_EQ(block_text(blocks[1]), "layer 4");
  EXPECT_EQ(blocks[1].count, 2u);
}

TEST(FoldedPath, folds_the_matrices_of_single_experts) {
  EXPECT_EQ(folded_names({"decoder.layers.1.mlp.experts.linear_fc2.0",
                          "decoder.layers.1.mlp.experts.linear_fc2.1",
                          "decoder.layers.2.mlp.experts.linear_fc2.0",
                          "decoder.layers.2.mlp.experts.linear_fc2.1"}),
            "decoder.layers.*.mlp.experts.linear_fc2.* (layers 1-2, experts "
            "0-1)");
  EXPECT_EQ(folded_names({"experts.linear_fc2", "experts.linear_fc2.x.1"}),
            "experts.linear_fc2, experts.linear_fc2.x.* (layer 1)");
}

TEST(FoldedPath, folds_a_list_of_names) {
  EXPECT_EQ(folded_names({"model.layers.0.a", "lm_head", "model.layers.1.a",
                          "model.layers.5.a", "model.layers.5.b"}),
            "model.layers.*.a (layers 0-1,5), lm_head, model.layers.*.b "
            "(layer 5)");
  EXPECT_EQ(folded_labels({"model.layers.0.a", "lm_head", "model.layers.0.b",
                           "model.layers.1.a", "model.layers.1.b"}),
            "a, b (layers 0-1); lm_head");
}

TEST(FoldedPath, labels_are_as_short_as_they_can_be) {
  const auto labels = short_labels(
      {"l.*.mlp.up", "l.*.mlp.experts.*.up", "l.*.attn.q", "head", "x.head"});
  EXPECT_EQ(labels.at("l.*.attn.q"), "q");
  EXPECT_EQ(labels.at("l.*.mlp.up"), "mlp.up");
  EXPECT_EQ(labels.at("l.*.mlp.experts.*.up"), "experts.*.up");
  EXPECT_EQ(labels.at("head"), "head");
  EXPECT_EQ(labels.at("x.head"), "x.head");
}

}  // namespace
}  // namespace graft
