// The Llama table: names, shapes, rows, order, and the golden checkpoints'
// tensors against it.
#include "graft/formats/hf/weight_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace graft {
namespace {

using testing::ElementsAre;

ModelConfig small_config() {
  return {.model_type = "llama",
          .vocab_size = 50,
          .hidden_size = 16,
          .intermediate_size = 24,
          .layers = 2,
          .heads = 4,
          .kv_heads = 2,
          .head_dim = 6,
          .max_positions = 64};
}

const WeightRow& find_row(const std::vector<WeightRow>& rows,
                          const std::string& name) {
  for (const WeightRow& row : rows) {
    if (row.hf_name == name) return row;
  }
  throw std::runtime_error("no row " + name);
}

struct ExpectedRow {
  std::string hf, runtime;
  std::vector<std::int64_t> shape;
  RowSet rows;
};

// Of layer 1; names without "model.layers.1.", "decoder.layers.1." and
// ".weight".
const std::vector<ExpectedRow>& layer_rows() {
  static const std::vector<ExpectedRow> kRows = {
      {"input_layernorm", "input_layernorm", {16}, {0, 16}},
      {"self_attn.q_proj", "self_attention.linear_qkv", {24, 16}, {0, 24}},
      {"self_attn.k_proj", "self_attention.linear_qkv", {12, 16}, {24, 36}},
      {"self_attn.v_proj", "self_attention.linear_qkv", {12, 16}, {36, 48}},
      {"self_attn.o_proj", "self_attention.linear_proj", {16, 24}, {0, 16}},
      {"post_attention_layernorm", "pre_mlp_layernorm", {16}, {0, 16}},
      {"mlp.gate_proj", "mlp.linear_fc1", {24, 16}, {0, 24}},
      {"mlp.up_proj", "mlp.linear_fc1", {24, 16}, {24, 48}},
      {"mlp.down_proj", "mlp.linear_fc2", {16, 24}, {0, 16}},
  };
  return kRows;
}

void expect_row(const WeightRow& found, const ExpectedRow& expected) {
  EXPECT_EQ(found.runtime_name, expected.runtime) << expected.hf;
  EXPECT_EQ(found.shape, expected.shape) << expected.hf;
  EXPECT_EQ(found.rows, expected.rows) << expected.hf;
}

TEST(WeightTable, names_shapes_and_rows) {
  const auto table = make_weight_table(small_config());
  EXPECT_EQ(table.size(), 3u + 2u * layer_rows().size());
  for (ExpectedRow row : layer_rows()) {
    row.hf = "model.layers.1." + row.hf + ".weight";
    row.runtime = "decoder.layers.1." + row.runtime + ".weight";
    expect_row(find_row(table, row.hf), row);
  }
  const std::vector<ExpectedRow> outside = {
      {"model.embed_tokens.weight",
       "embedding.word_embeddings.weight",
       {50, 16},
       {0, 50}},
      {"model.norm.weight", "decoder.final_layernorm.weight", {16}, {0, 16}},
      {"lm_head.weight", "output_layer.weight", {50, 16}, {0, 50}},
  };
  for (const ExpectedRow& row : outside) {
    expect_row(find_row(table, row.hf), row);
  }
}

TEST(WeightTable, biases_are_vectors_in_the_same_rows) {
  ModelConfig config = small_config();
  config.attention_bias = true;
  config.mlp_bias = true;
  const auto table = make_weight_table(config);
  EXPECT_EQ(table.size(), 3u + 2u * 16u);
  const WeightRow& k = find_row(table, "model.layers.0.self_attn.k_proj.bias");
  EXPECT_EQ(k.runtime_name, "decoder.layers.0.self_attention.linear_qkv.bias");
  EXPECT_THAT(k.shape, ElementsAre(12));
  EXPECT_EQ(k.rows, (RowSet{24, 36}));
  const WeightRow& down = find_row(table, "model.layers.0.mlp.down_proj.bias");
  EXPECT_THAT(down.shape, ElementsAre(16));
}

TEST(WeightTable, tied_model_has_no_head_row) {
  ModelConfig config = small_config();
  config.tied_embeddings = true;
  for (const WeightRow& row : make_weight_table(config)) {
    EXPECT_NE(row.hf_name, "lm_head.weight");
  }
  const Inventory inventory = make_family_inventory(config);
  const ModuleInfo& head = inventory.modules.back();
  EXPECT_EQ(head.path, "output_layer");
  EXPECT_TRUE(head.output_head);
  EXPECT_EQ(head.parameter_count, 0u);
  ASSERT_EQ(head.parts.size(), 1u);
  EXPECT_EQ(head.parts[0].path, "lm_head");
}

ModelConfig expert_config(const std::string& model_type, bool packed) {
  ModelConfig config = small_config();
  config.model_type = model_type;
  config.experts = {.count = 3, .per_token = 2, .size = 10, .packed = packed};
  config.layer_traits = {{.experts = true},
                         {.experts = model_type == "mixtral"}};
  return config;
}

TEST(WeightTable, experts_one_by_one) {
  const auto table = make_weight_table(expert_config("mixtral", false));
  const std::string layer = "model.layers.0.block_sparse_moe.";
  expect_row(find_row(table, layer + "gate.weight"),
             {"router", "decoder.layers.0.mlp.router.weight", {3, 16}, {0, 3}});
  const std::string fc1 = "decoder.layers.0.mlp.experts.linear_fc1.weight";
  expect_row(find_row(table, layer + "experts.2.w1.weight"),
             {"gate", fc1, {10, 16}, {40, 50}});
  expect_row(find_row(table, layer + "experts.2.w3.weight"),
             {"up", fc1, {10, 16}, {50, 60}});
  expect_row(find_row(table, layer + "experts.1.w2.weight"),
             {"down",
              "decoder.layers.0.mlp.experts.linear_fc2.weight",
              {16, 10},
              {16, 32}});
}

TEST(WeightTable, experts_in_one_tensor_and_dense_layers_between) {
  const auto table = make_weight_table(expert_config("qwen3_moe", true));
  expect_row(find_row(table, "model.layers.0.mlp.experts.gate_up_proj"),
             {"packed",
              "decoder.layers.0.mlp.experts.linear_fc1.weight",
              {3, 20, 16},
              {0, 60}});
  expect_row(
      find_row(table, "model.layers.1.mlp.up_proj.weight"),
      {"dense", "decoder.layers.1.mlp.linear_fc1.weight", {24, 16}, {24, 48}});
  EXPECT_THROW(find_row(table, "model.layers.1.mlp.gate.weight"),
               std::runtime_error);
  std::set<std::string> components;
  const auto inventory = make_family_inventory(expert_config("mixtral", false));
  for (const ModuleInfo& module : inventory.modules) {
    if (module.kind != LayerKind::kTeGrouped || module.layer != 0) continue;
    for (const ModulePart& part : module.parts) {
      EXPECT_TRUE(components.insert(part.component).second) << part.component;
    }
  }
  EXPECT_EQ(components.size(), 9U);
}

TEST(FamilyInventory, walk_order) {
  ModelConfig config = small_config();
  config.layers = 1;
  std::vector<std::string> paths;
  for (const ModuleInfo& module : make_family_inventory(config).modules) {
    paths.push_back(module.path);
  }
  const std::string layer = "decoder.layers.0";
  EXPECT_THAT(paths,
              ElementsAre("embedding", "embedding.word_embeddings", "decoder",
                          "decoder.layers", layer, layer + ".input_layernorm",
                          layer + ".self_attention",
                          layer + ".self_attention.linear_qkv",
                          layer + ".self_attention.core_attention",
                          layer + ".self_attention.linear_proj",
                          layer + ".pre_mlp_layernorm", layer + ".mlp",
                          layer + ".mlp.linear_fc1", layer + ".mlp.linear_fc2",
                          "decoder.final_layernorm", "output_layer"));
}

TEST(FamilyInventory, kinds_sizes_and_parts) {
  ModelConfig config = small_config();
  config.attention_bias = true;
  const Inventory inventory = make_family_inventory(config);
  EXPECT_TRUE(inventory.has_family_table);
  EXPECT_EQ(inventory.model_type, "llama");
  std::uint64_t total = 0;
  for (const ModuleInfo& module : inventory.modules) {
    total += module.parameter_count;
    if (module.path != "decoder.layers.1.self_attention.linear_qkv") continue;
    EXPECT_EQ(module.kind, LayerKind::kColumnParallel);
    EXPECT_EQ(module.in, 16);
    EXPECT_EQ(module.out, 48);
    EXPECT_TRUE(module.has_bias);
    EXPECT_EQ(module.layer, 1);
    EXPECT_EQ(module.parameter_count, 48u * 16u + 48u);
    ASSERT_EQ(module.parts.size(), 3u);
    EXPECT_EQ(module.parts[1].path, "model.layers.1.self_attn.k_proj");
    EXPECT_EQ(module.parts[1].component, "linear_k");
    EXPECT_EQ(module.parts[1].rows, (RowSet{24, 36}));
  }
  EXPECT_EQ(inventory.total_parameters, total);
  EXPECT_EQ(inventory.modules[1].in, 50);
  EXPECT_EQ(inventory.modules[1].out, 16);
}

TEST(FamilyInventory, counts_what_the_table_holds) {
  for (const bool tied : {false, true}) {
    ModelConfig config = small_config();
    config.tied_embeddings = tied;
    config.mlp_bias = true;
    std::uint64_t total = 0;
    std::set<std::string> names;
    for (const WeightRow& row : make_weight_table(config)) {
      std::uint64_t size = 1;
      for (std::int64_t side : row.shape) size *= side;
      total += size;
      EXPECT_TRUE(names.insert(row.hf_name).second) << row.hf_name;
      EXPECT_EQ(row.rows.size(), row.shape[0]);
    }
    EXPECT_EQ(make_family_inventory(config).total_parameters, total);
  }
}

}  // namespace
}  // namespace graft
