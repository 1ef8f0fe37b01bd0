// Prefixes of names, tensors that belong to no table, and contradictions
// between config.json and the tensors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/safetensors_writer.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using nlohmann::json;
using test::TemporaryDirectory;
using Shapes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
using testing::AllOf;
using testing::HasSubstr;

json small_config(const std::string& model_type) {
  return {{"model_type", model_type},
          {"vocab_size", 10},
          {"hidden_size", 8},
          {"intermediate_size", 12},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"head_dim", 4},
          {"tie_word_embeddings", false}};
}

Shapes shapes_of(const TemporaryDirectory& directory, const json& config) {
  const auto path = directory.write("config.json", config.dump());
  Shapes out;
  for (const WeightRow& row : make_weight_table(read_model_config(path))) {
    out.emplace_back(row.hf_name, row.shape);
  }
  return out;
}

void write(const TemporaryDirectory& directory, const Shapes& shapes) {
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const auto& [name, shape] : shapes) {
    std::size_t count = 1;
    for (const std::int64_t side : shape) {
      count *= static_cast<std::size_t>(side);
    }
    tensors.emplace_back(
        name, HostTensor::from_floats(shape, std::vector<float>(count)));
  }
  save_safetensors(directory.path() / "model.safetensors", tensors);
}

std::string error_of(const TemporaryDirectory& directory) {
  try {
    read_inventory(directory.path());
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

TEST(CheckpointLayout, prefixes_come_from_the_whole_index) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"model.", "lm_head"},
      {"language_model.model.", "language_model.lm_head"},
      {"model.language_model.", "lm_head"},
      {"", "lm_head"}};
  for (const auto& [body, head] : rows) {
    const TemporaryDirectory directory;
    Shapes shapes = shapes_of(directory, small_config("qwen3"));
    for (auto& [name, shape] : shapes) {
      name = name.starts_with("model.") ? body + name.substr(6)
                                        : head + name.substr(7);
    }
    shapes.emplace_back("vision_tower.layers.0.q_proj.weight",
                        std::vector<std::int64_t>{2, 2});
    write(directory, shapes);
    const Inventory inventory = read_inventory(directory.path());
    EXPECT_TRUE(inventory.has_family_table) << body;
    ASSERT_EQ(inventory.warnings.size(), 1U);
    EXPECT_THAT(inventory.warnings[0],
                HasSubstr("vision_tower.layers.0.q_proj.weight"));
    bool found = false;
    for (const ModuleInfo& module : inventory.modules) {
      for (const ModulePart& part : module.parts) {
        found |= part.path == body + "layers.1.self_attn.q_proj";
      }
      if (module.output_head) {
        EXPECT_EQ(module.parts[0].path, head);
      }
    }
    EXPECT_TRUE(found) << body;
  }
}

// The layout is the one that is there, not the one of which least is missing.
TEST(CheckpointLayout, a_wrong_number_of_experts_names_the_missing_ones) {
  const TemporaryDirectory directory;
  json config = small_config("mixtral");
  config["num_local_experts"] = 3;
  const Shapes stored = shapes_of(directory, config);
  config["num_local_experts"] = 5;
  shapes_of(directory, config);
  write(directory, stored);
  EXPECT_THAT(error_of(directory),
              AllOf(HasSubstr("missing: model.layers.0.block_sparse_moe."
                              "experts.3.w1.weight"),
                    HasSubstr("block_sparse_moe.gate.weight is [3, 8] instead "
                              "of [5, 8]"),
                    testing::Not(HasSubstr("unknown"))));
}

TEST(CheckpointLayout, tensors_of_quantised_checkpoints_are_named_as_such) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {".qweight", "GPTQ or AWQ"},
      {".weight_scale_inv", "FP8"},
      {".weight_packed", "compressed-tensors"},
      {".weight.absmax", "bitsandbytes"}};
  for (const auto& [ending, kind] : rows) {
    const TemporaryDirectory directory;
    Shapes stored = shapes_of(directory, small_config("llama"));
    const std::string name = "model.layers.1.mlp.up_proj" + ending;
    stored.push_back({name, {1}});
    write(directory, stored);
    EXPECT_THAT(error_of(directory),
                HasSubstr(name + " is of a checkpoint quantised with " + kind));
  }
}

TEST(CheckpointLayout, contradictions_name_both_sides) {
  struct Row {
    std::string family;
    json patch;  // of the config, after the tensors were made
    std::string text;
  };
  const std::vector<Row> rows = {
      {"llama", {{"hidden_size", 10}}, "is [10, 8] instead of [10, 10]"},
      {"llama", {{"num_key_value_heads", 2}}, "is [4, 8] instead of [8, 8]"},
      {"llama", {{"intermediate_size", 13}}, "is [12, 8] instead of [13, 8]"},
      {"qwen3", {{"head_dim", 2}}, "is [4] instead of [2]"},
      {"llama",
       {{"attention_bias", true}},
       "missing: "
       "model.layers.0.self_attn.q_proj.bias"},
      {"llama",
       {{"num_hidden_layers", 1}},
       "unknown: "
       "model.layers.1.input_layernorm.weight"},
      {"qwen3",
       {{"model_type", "llama"}},
       "unknown: "
       "model.layers.0.self_attn.k_norm.weight"},
      {"phi3",
       {{"model_type", "mistral"}},
       "missing: "
       "model.layers.0.self_attn.q_proj.weight"},
  };
  for (const Row& row : rows) {
    const TemporaryDirectory directory;
    json config = small_config(row.family);
    write(directory, shapes_of(directory, config));
    EXPECT_EQ(error_of(directory), "");
    config.merge_patch(row.patch);
    directory.write("config.json", config.dump());
    EXPECT_THAT(error_of(directory), AllOf(HasSubstr(directory.path().string()),
                                           HasSubstr(row.text)))
        << row.family << row.patch;
  }
}

}  // namespace
}  // namespace graft
