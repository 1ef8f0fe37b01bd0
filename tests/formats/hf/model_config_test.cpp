// Tables of good and bad config.json texts, and the configurations of the
// golden models in both spellings.
#include "graft/formats/hf/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/base/error.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"
#include "support/unfinished_family.h"

namespace graft {
namespace {

using test::TemporaryDirectory;

nlohmann::json base_config() {
  return {{"model_type", "llama"},    {"vocab_size", 100},
          {"hidden_size", 64},        {"intermediate_size", 112},
          {"num_hidden_layers", 2},   {"num_attention_heads", 4},
          {"num_key_value_heads", 2}, {"max_position_embeddings", 128},
          {"rms_norm_eps", 1e-5}};
}

ModelConfig read_patched(const nlohmann::json& patch) {
  const TemporaryDirectory directory;
  nlohmann::json config = base_config();
  config.merge_patch(patch);
  return read_model_config(directory.write("config.json", config.dump()));
}

std::string error_of(const nlohmann::json& patch) {
  try {
    read_patched(patch);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

TEST(ModelConfig, defaults) {
  const ModelConfig config = read_patched({{"num_key_value_heads", nullptr}});
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.rope.kind, RopeKind::kDefault);
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_FALSE(config.attention_bias);
  EXPECT_FALSE(config.mlp_bias);
  EXPECT_FALSE(config.dtype.has_value());
}

TEST(ModelConfig, reads_dtype_spellings) {
  const std::vector<std::pair<nlohmann::json, std::optional<DType>>> rows = {
      {{{"dtype", "bfloat16"}}, DType::kBF16},
      {{{"torch_dtype", "float16"}}, DType::kF16},
      {{{"torch_dtype", "torch.float32"}}, DType::kF32},
      {{{"dtype", "float32"}, {"torch_dtype", "float16"}}, DType::kF32},
      {{{"dtype", "auto"}}, std::nullopt},
  };
  for (const auto& [patch, expected] : rows) {
    EXPECT_EQ(read_patched(patch).dtype, expected) << patch;
  }
}

TEST(ModelConfig, bad_rows_name_the_field) {
  const std::vector<nlohmann::json> rows = {
      {{"model_type", nullptr}},
      {{"model_type", "mystery"}},
      {{"model_type", 7}},
      {{"architectures", {"LlamaForSequenceClassification"}}},
      {{"vocab_size", nullptr}},
      {{"vocab_size", 0}},
      {{"vocab_size", "100"}},
      {{"hidden_size", -64}},
      {{"hidden_size", 4294967296}},
      {{"hidden_size", 66}},
      {{"num_key_value_heads", 3}},
      {{"num_key_value_heads", 0}},
      {{"num_hidden_layers", 2.5}},
      {{"num_hidden_layers", 1000000}},
      {{"vocab_size", std::int64_t{1} << 32}},
      {{"num_attention_heads", std::int64_t{1} << 40}},
      {{"head_dim", std::int64_t{1} << 40}},
      {{"head_dim", 15}},
      {{"hidden_act", "prelu"}},
      {{"rms_norm_eps", 0}},
      {{"attention_bias", "yes"}},
      {{"tie_word_embeddings", 1}},
      {{"quantization_config", {{"bits", 4}}}},
      {{"sliding_window", 4096}},
      {{"attn_logit_softcapping", 50.0}},
      {{"final_logit_softcapping", 30.0}},
      {{"partial_rotary_factor", 0.5}},
      {{"num_local_experts", 8}},
      {{"residual_multiplier", 0.22}},
      {{"layer_types", {"full_attention", "sliding_attention"}}},
      {{"rope_theta", 0}},
      {{"rope_scaling", "linear"}},
  };
  for (const nlohmann::json& row : rows) {
    const std::string message = error_of(row);
    EXPECT_THAT(message, testing::HasSubstr("config.json")) << row;
    EXPECT_THAT(message, testing::HasSubstr("'" + row.begin().key() + "'"));
  }
}

TEST(ModelConfig, neutral_values_are_accepted) {
  const std::vector<nlohmann::json> rows = {
      {{"pretraining_tp", 2}},
      {{"sliding_window", nullptr}},
      {{"sliding_window", 4096}, {"use_sliding_window", false}},
      {{"partial_rotary_factor", 1}},
      {{"residual_multiplier", 1.0}},
      {{"layer_types", {"full_attention", "full_attention"}}},
      {{"architectures", {"LlamaForCausalLM"}}},
      {{"head_dim", 24}},
      {{"something_new", {{"a", 1}}}},
  };
  for (const nlohmann::json& row : rows) EXPECT_EQ(error_of(row), "") << row;
}

TEST(ModelConfig, reports_all_problems_together) {
  EXPECT_THAT(error_of({{"hidden_act", "prelu"}, {"vocab_size", 0}}),
              testing::AllOf(testing::HasSubstr("'hidden_act'"),
                             testing::HasSubstr("'vocab_size'")));
}

TEST(ModelConfig, damaged_files_are_file_errors) {
  const TemporaryDirectory directory;
  for (const char* text : {"", "{", "[1]", "{\"model_type\": \"llama\",}"}) {
    const auto path = directory.write("config.json", text);
    EXPECT_THROW(read_model_config(path), FileError) << text;
    EXPECT_THROW(read_model_type(directory.path()), FileError) << text;
  }
  EXPECT_THROW(read_model_config(directory.path() / "absent.json"), FileError);
}

TEST(ModelConfig, model_type_alone) {
  const TemporaryDirectory directory;
  EXPECT_EQ(read_model_type(directory.path()), std::nullopt);
  directory.write("config.json", "{\"model_type\": \"mystery\"}");
  EXPECT_EQ(read_model_type(directory.path()), "mystery");
  EXPECT_TRUE(is_supported_family("llama"));
  EXPECT_FALSE(is_supported_family("mystery"));
}

TEST(GenerationConfig, falls_back_to_config_json) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(read_generation_config(directory.path()).eos_token_ids.empty());
  directory.write("config.json", "{\"bos_token_id\": 1, \"eos_token_id\": 2}");
  directory.write("generation_config.json", "{\"eos_token_id\": [5, 6]}");
  const GenerationConfig config = read_generation_config(directory.path());
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_THAT(config.eos_token_ids, testing::ElementsAre(5, 6));
  EXPECT_EQ(config.pad_token_id, std::nullopt);
  directory.write("generation_config.json", "{\"eos_token_id\": \"x\"}");
  EXPECT_THROW(read_generation_config(directory.path()), FileError);
}

void expect_same(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.head_dim, b.head_dim);
  EXPECT_EQ(a.kv_heads, b.kv_heads);
  EXPECT_EQ(a.layers, b.layers);
  EXPECT_EQ(a.tied_embeddings, b.tied_embeddings);
  EXPECT_EQ(a.dtype, b.dtype);
  EXPECT_EQ(a.norm_eps, b.norm_eps);
  EXPECT_EQ(a.sliding_window, b.sliding_window);
  EXPECT_EQ(a.layer_traits, b.layer_traits);
  EXPECT_EQ(a.experts.count, b.experts.count);
  EXPECT_EQ(a.rope.kind, b.rope.kind);
  EXPECT_EQ(a.rope.theta, b.rope.theta);
  EXPECT_EQ(a.rope.factor, b.rope.factor);
  EXPECT_EQ(a.rope.original_max_positions, b.rope.original_max_positions);
}

void expect_refused(const std::filesystem::path& config,
                    const std::string& family) {
  try {
    read_model_config(config);
    ADD_FAILURE() << config << " was accepted";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(family));
  }
}

TEST(ModelConfig, golden_both_spellings) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens beside the source tree\n";
    return;
  }
  test::CaseCounter counter("model configs");
  for (const auto& model : test::sub_directories(*goldens / "models")) {
    const auto family = read_model_type(model);
    ASSERT_TRUE(family.has_value()) << model;
    const auto legacy = model / "config_legacy.json";
    counter.ran();
    if (test::unfinished_family(*family)) {
      expect_refused(model / "config.json", *family);
      expect_refused(legacy, *family);
      continue;
    }
    const ModelConfig config = read_model_config(model / "config.json");
    EXPECT_GT(config.layers, 0);
    if (std::filesystem::exists(legacy)) {
      expect_same(config, read_model_config(legacy));
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
