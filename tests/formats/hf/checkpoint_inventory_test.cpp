// Inventories of small checkpoints made on the spot, with and without a family
// table, and of every golden checkpoint.
#include "graft/formats/hf/checkpoint_inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/safetensors_writer.h"
#include "graft/io/sharded_safetensors.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::TemporaryDirectory;
using Shape = std::vector<std::int64_t>;
using Shapes = std::vector<std::pair<std::string, Shape>>;

constexpr char kLlama[] =
    R"({"model_type": "llama", "vocab_size": 10, "hidden_size": 8,
        "intermediate_size": 12, "num_hidden_layers": 1,
        "num_attention_heads": 2, "tie_word_embeddings": TIED})";

std::string llama_text(bool tied) {
  std::string text = kLlama;
  text.replace(text.find("TIED"), 4, tied ? "true" : "false");
  return text;
}

HostTensor zeros(const Shape& shape, DType dtype = DType::kBF16) {
  std::size_t bytes = dtype_size(dtype);
  for (std::int64_t side : shape) bytes *= static_cast<std::size_t>(side);
  return HostTensor::make_owned(dtype, shape, std::vector<std::byte>(bytes));
}

void write_weights(const TemporaryDirectory& directory, const Shapes& shapes) {
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const auto& [name, shape] : shapes) {
    tensors.emplace_back(name, zeros(shape));
  }
  save_safetensors(directory.path() / "model.safetensors", tensors);
}

Shapes llama_shapes(const TemporaryDirectory& directory, bool tied) {
  const auto path = directory.write("config.json", llama_text(tied));
  Shapes out;
  for (const WeightRow& row : make_weight_table(read_model_config(path))) {
    out.emplace_back(row.hf_name, row.shape);
  }
  return out;
}

const ModuleInfo& find(const Inventory& inventory, const std::string& path) {
  for (const ModuleInfo& module : inventory.modules) {
    if (module.path == path) return module;
  }
  throw std::runtime_error("no module " + path);
}

TEST(CheckpointInventory, family_by_table) {
  for (const bool tied : {false, true}) {
    const TemporaryDirectory directory;
    Shapes shapes = llama_shapes(directory, tied);
    shapes.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq",
                        Shape{2});
    if (tied) shapes.emplace_back("lm_head.weight", Shape{10, 8});
    write_weights(directory, shapes);
    const Inventory inventory = read_inventory(directory.path());
    EXPECT_TRUE(inventory.has_family_table);
    EXPECT_EQ(inventory.source, directory.path().string());
    for (const ModuleInfo& module : inventory.modules) {
      EXPECT_EQ(module.dtype.has_value(), !module.parts.empty()) << module.path;
    }
    EXPECT_EQ(find(inventory, "output_layer").dtype, DType::kBF16);
  }
}

std::string error_of(const TemporaryDirectory& directory) {
  try {
    read_inventory(directory.path());
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

TEST(CheckpointInventory, tensors_that_do_not_fit_the_family) {
  const TemporaryDirectory directory;
  const Shapes good = llama_shapes(directory, false);
  Shapes missing(good.begin() + 1, good.end());
  Shapes extra = good;
  extra.emplace_back("model.layers.1.mlp.up_proj.weight", Shape{12, 8});
  Shapes shape = good;
  shape[0].second = {11, 8};
  Shapes prefixed;
  for (const auto& [name, size] : good) {
    prefixed.emplace_back("language." + name, size);
  }
  const std::vector<std::pair<Shapes, std::string>> rows = {
      {missing, "missing: model.embed_tokens.weight"},
      {extra, "unknown: model.layers.1.mlp.up_proj.weight"},
      {shape, "model.embed_tokens.weight is [11, 8] instead of [10, 8]"},
      {prefixed, "Every key has 'language.' at the front"},
  };
  for (const auto& [shapes, text] : rows) {
    write_weights(directory, shapes);
    EXPECT_THAT(error_of(directory), testing::HasSubstr(text));
  }
}

// A table of that many layers is never made.
TEST(CheckpointInventory, layers_without_tensors) {
  const TemporaryDirectory directory;
  write_weights(directory, llama_shapes(directory, true));
  std::string text = llama_text(true);
  text.replace(text.find("layers\": 1"), 10, "layers\": 100000");
  directory.write("config.json", text);
  EXPECT_THAT(
      error_of(directory),
      testing::HasSubstr("config.json: 'num_hidden_layers': got 100000, "
                         "expected at most 11"));
}

TEST(CheckpointInventory, names_only_without_a_table) {
  const TemporaryDirectory directory;
  write_weights(directory, {{"model.embed_tokens.weight", {10, 8}},
                            {"model.layers.10.q_proj.weight", {8, 8}},
                            {"model.layers.2.q_proj.weight", {8, 8}},
                            {"model.layers.2.q_proj.bias", {8}},
                            {"model.layers.2.mlp.gate.weight", {2, 8}},
                            {"model.layers.2.mlp.experts.1.w1.weight", {4, 8}},
                            {"model.layers.2.mlp.experts.up", {2, 4, 8}},
                            {"model.layers.2.norm.weight", {8}},
                            {"model.conv.weight", {8, 1, 4}},
                            {"lm_head.weight", {10, 8}}});
  const Inventory inventory = read_inventory(directory.path());
  EXPECT_FALSE(inventory.has_family_table);
  std::vector<std::string> paths;
  std::uint64_t total = 0;
  for (const ModuleInfo& module : inventory.modules) {
    paths.push_back(module.path);
    total += module.parameter_count;
  }
  EXPECT_EQ(total, inventory.total_parameters);
  const std::string layer = "model.layers.2";
  EXPECT_THAT(paths,
              testing::ElementsAre(
                  "lm_head", "model", "model.conv", "model.embed_tokens",
                  "model.layers", layer, layer + ".mlp", layer + ".mlp.experts",
                  layer + ".mlp.experts.1", layer + ".mlp.experts.1.w1",
                  layer + ".mlp.gate", layer + ".norm", layer + ".q_proj",
                  "model.layers.10", "model.layers.10.q_proj"));
}

TEST(CheckpointInventory, kinds_told_by_name_and_shape) {
  const TemporaryDirectory directory;
  write_weights(directory, {{"embed_tokens.weight", {10, 8}},
                            {"layers.2.q_proj.weight", {6, 8}},
                            {"layers.2.q_proj.bias", {6}},
                            {"layers.2.mlp.gate.weight", {2, 8}},
                            {"layers.2.mlp.experts.1.w1.weight", {4, 8}},
                            {"layers.2.norm.weight", {8}},
                            {"layers.2.gate.weight", {8, 8}},
                            {"h.0.c_attn.weight", {8, 24}},
                            {"conv.weight", {8, 1, 4}}});
  const Inventory inventory = read_inventory(directory.path());
  const std::vector<std::pair<std::string, LayerKind>> rows = {
      {"embed_tokens", LayerKind::kEmbedding},
      {"layers", LayerKind::kModuleList},
      {"layers.2", LayerKind::kContainer},
      {"layers.2.q_proj", LayerKind::kLinear},
      {"layers.2.mlp.gate", LayerKind::kRouter},
      {"layers.2.mlp.experts", LayerKind::kModuleList},
      {"layers.2.mlp.experts.1.w1", LayerKind::kLinear},
      {"layers.2.norm", LayerKind::kNorm},
      {"layers.2.gate", LayerKind::kLinear},
      {"h.0.c_attn", LayerKind::kConv1d},
      {"conv", LayerKind::kConv1d},
  };
  for (const auto& [path, kind] : rows) {
    EXPECT_EQ(find(inventory, path).kind, kind) << path;
  }
  const ModuleInfo& q = find(inventory, "layers.2.q_proj");
  EXPECT_EQ(q.in, 8);
  EXPECT_EQ(q.out, 6);
  EXPECT_TRUE(q.has_bias);
  EXPECT_EQ(q.layer, 2);
  EXPECT_EQ(q.dtype, DType::kBF16);
  EXPECT_TRUE(q.parts.empty());
  const ModuleInfo& expert = find(inventory, "layers.2.mlp.experts.1.w1");
  EXPECT_EQ(expert.layer, 2);
  EXPECT_EQ(expert.expert, 1);
  EXPECT_EQ(find(inventory, "embed_tokens").in, 10);
}

// What target_parameters may name: packed experts, norms, routers.
TEST(CheckpointInventory, parameters_that_no_layer_holds) {
  const TemporaryDirectory directory;
  directory.write("config.json", R"({"model_type": "gpt_oss"})");
  write_weights(directory, {{"scale", {3}},
                            {"layers.0.q_proj.weight", {6, 8}},
                            {"layers.0.q_proj.bias", {6}},
                            {"layers.0.mlp.experts.down_proj", {4, 8, 6}},
                            {"layers.0.norm.weight", {8}}});
  const Inventory inventory = read_inventory(directory.path());
  std::vector<std::string> paths;
  for (const ParameterInfo& info : inventory.parameters) {
    paths.push_back(info.path);
    EXPECT_TRUE(info.transposed) << info.path;  // by the model type
  }
  EXPECT_THAT(paths,
              testing::ElementsAre("scale", "layers.0.mlp.experts.down_proj",
                                   "layers.0.norm.weight"));
  EXPECT_EQ(inventory.parameters[1].shape, (Shape{4, 8, 6}));
}

TEST(CheckpointInventory, tied_head_without_a_table) {
  const Shapes shapes = {{"model.embed_tokens.weight", {10, 8}},
                         {"model.layers.0.q_proj.weight", {8, 8}}};
  const std::vector<std::pair<std::string, bool>> rows = {
      {R"({"model_type": "x", "tie_word_embeddings": true})", true},
      {R"({"model_type": "x", "tie_word_embeddings": false})", false},
      {R"({"model_type": "x", "architectures": ["XForCausalLM"]})", true},
      {R"({"model_type": "x", "architectures": ["XModel"]})", false},
      {R"({"model_type": "x"})", false},
  };
  for (const auto& [config, tied] : rows) {
    const TemporaryDirectory directory;
    directory.write("config.json", config);
    write_weights(directory, shapes);
    const Inventory inventory = read_inventory(directory.path());
    const ModuleInfo& last = inventory.modules.back();
    EXPECT_EQ(last.path == "lm_head" && last.output_head, tied) << config;
    if (tied) {
      EXPECT_EQ(last.parameter_count, 0u);
    }
  }
}

TEST(CheckpointInventory, quantised_weights_keep_their_dtype) {
  const TemporaryDirectory directory;
  save_safetensors(directory.path() / "model.safetensors",
                   {{"a.qweight", zeros({2, 6}, DType::kI32)},
                    {"a.scales", zeros({1, 6}, DType::kF16)},
                    {"a.g_idx", zeros({16}, DType::kI32)},
                    {"b.weight", zeros({6, 16}, DType::kF8E4M3)}});
  const Inventory inventory = read_inventory(directory.path());
  const ModuleInfo& packed = find(inventory, "a");
  EXPECT_EQ(packed.kind, LayerKind::kLinear);
  EXPECT_EQ(packed.dtype, DType::kI32);
  EXPECT_EQ(packed.in, 16);
  EXPECT_EQ(packed.out, 6);
  EXPECT_EQ(find(inventory, "b").dtype, DType::kF8E4M3);
}

// The same modules as from the weights; the types are the configuration's.
TEST(CheckpointInventory, config_alone_gives_names_and_shapes) {
  for (const bool tied : {false, true}) {
    const TemporaryDirectory with;
    const TemporaryDirectory without;
    write_weights(with, llama_shapes(with, tied));
    std::string text = llama_text(tied);
    text.insert(1, R"("torch_dtype": "bfloat16", )");
    without.write("config.json", text);
    const Inventory expected = read_inventory(with.path());
    const Inventory inventory = read_inventory(without.path());
    EXPECT_EQ(inventory.total_parameters, expected.total_parameters);
    ASSERT_EQ(inventory.modules.size(), expected.modules.size());
    for (std::size_t i = 0; i < expected.modules.size(); ++i) {
      const ModuleInfo& module = inventory.modules[i];
      EXPECT_EQ(module.path, expected.modules[i].path);
      EXPECT_EQ(module.in, expected.modules[i].in);
      EXPECT_EQ(module.out, expected.modules[i].out);
      EXPECT_EQ(module.dtype, expected.modules[i].dtype) << module.path;
      EXPECT_EQ(module.layer, expected.modules[i].layer);
    }
    ASSERT_EQ(inventory.warnings.size(), 1u);
    EXPECT_THAT(inventory.warnings[0], testing::HasSubstr("no weights"));
  }
}

TEST(CheckpointInventory, config_alone_needs_a_table) {
  const std::pair<const char*, const char*> rows[] = {
      {R"({"model_type": "no_such"})",
       "'no_such', of which graft has no table"},
      {"{}", "no model_type"}};
  for (const auto& [text, part] : rows) {
    const TemporaryDirectory directory;
    directory.write("config.json", text);
    EXPECT_THAT(error_of(directory), testing::HasSubstr(part));
  }
  // Weights of another program are weights that graft cannot read.
  const TemporaryDirectory directory;
  directory.write("config.json", llama_text(false));
  directory.write("pytorch_model.bin", "x");
  EXPECT_THAT(error_of(directory), testing::HasSubstr("no model.safetensors"));
}

TEST(CheckpointInventory, one_file_is_known_by_its_names) {
  const TemporaryDirectory directory;
  write_weights(directory, {{"model.layers.2.mlp.experts.5.w1.weight", {4, 8}},
                            {"lm_head.weight", {10, 8}}});
  const auto path = directory.path() / "model.safetensors";
  const Inventory inventory = read_inventory(path);
  const ModuleInfo& w1 = find(inventory, "model.layers.2.mlp.experts.5.w1");
  EXPECT_EQ(w1.layer, 2);
  EXPECT_EQ(w1.expert, 5);
  EXPECT_EQ(w1.in, 8);
  EXPECT_TRUE(find(inventory, "lm_head").output_head);
  EXPECT_TRUE(inventory.warnings.empty());
  const auto shard = directory.path() / "model-00001-of-00002.safetensors";
  std::filesystem::rename(path, shard);
  const Inventory part = read_inventory(shard);
  ASSERT_EQ(part.warnings.size(), 1u);
  EXPECT_THAT(part.warnings[0], testing::HasSubstr("one shard of several"));
}

TEST(CheckpointInventory, a_variant_of_a_family_is_read_by_names) {
  const TemporaryDirectory directory;
  const Shapes shapes = llama_shapes(directory, false);
  write_weights(directory, shapes);
  std::string text = llama_text(false);
  text.insert(1, R"("quantization_config": {"bits": 4}, )");
  directory.write("config.json", text);
  const Inventory inventory = read_inventory(directory.path());
  EXPECT_FALSE(inventory.has_family_table);
  ASSERT_EQ(inventory.warnings.size(), 1u);
  EXPECT_THAT(inventory.warnings[0],
              testing::HasSubstr("graft cannot run this model"));
}

TEST(CheckpointInventory, hostile_names) {
  const TemporaryDirectory directory;
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep += ".a";
  write_weights(directory, {{deep, {1}}});
  EXPECT_THAT(error_of(directory), testing::HasSubstr("more than 64 parts"));
  EXPECT_THROW(read_inventory(directory.path() / "absent"), FileError);
}

// Every stored weight is a module's, and the counts add up.
void expect_complete(const std::filesystem::path& model,
                     const Inventory& inventory) {
  std::uint64_t stored = 0;
  const auto weights = ShardedSafetensors::open(model);
  for (const std::string& name : weights.names()) {
    stored += weights.find_or_null(name)->element_count();
  }
  EXPECT_EQ(inventory.total_parameters, stored) << model;
  std::uint64_t counted = 0;
  std::size_t heads = 0;
  for (const ModuleInfo& module : inventory.modules) {
    counted += module.parameter_count;
    heads += module.output_head ? 1 : 0;
  }
  EXPECT_EQ(counted, stored) << model;
  EXPECT_EQ(heads, 1u) << model;
}

TEST(CheckpointInventory, golden_every_model) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens beside the source tree\n";
    return;
  }
  test::CaseCounter counter("checkpoint inventories");
  for (const auto& model : test::sub_directories(*goldens / "models")) {
    const Inventory inventory = read_inventory(model);
    const std::string type = read_model_type(model).value_or("");
    EXPECT_EQ(inventory.has_family_table, is_supported_family(type)) << model;
    expect_complete(model, inventory);
    counter.ran();
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
