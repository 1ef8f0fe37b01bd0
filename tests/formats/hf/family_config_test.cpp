// What each family reads from config.json: defaults, options, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using nlohmann::json;
using test::TemporaryDirectory;

ModelConfig read(const std::string& model_type, const json& patch) {
  const TemporaryDirectory directory;
  json config = {{"model_type", model_type}, {"vocab_size", 100},
                 {"hidden_size", 64},        {"intermediate_size", 112},
                 {"num_hidden_layers", 4},   {"num_attention_heads", 8},
                 {"num_key_value_heads", 2}};
  for (const auto& [name, value] : patch.items()) config[name] = value;
  return read_model_config(directory.write("config.json", config.dump()));
}

std::string error_of(const std::string& model_type, const json& patch) {
  try {
    read(model_type, patch);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

std::vector<bool> sliding(const ModelConfig& config) {
  std::vector<bool> out;
  for (std::int64_t n = 0; n < config.layers; ++n) {
    out.push_back(config.layer(n).sliding);
  }
  return out;
}

using testing::Each;
using testing::ElementsAre;

TEST(FamilyConfig, mistral_window_is_absent_null_or_a_number) {
  EXPECT_EQ(read("mistral", {}).sliding_window, 4096);
  EXPECT_THAT(sliding(read("mistral", {})), Each(true));
  const ModelConfig none = read("mistral", {{"sliding_window", nullptr}});
  EXPECT_EQ(none.sliding_window, 0);
  EXPECT_TRUE(none.layer_traits.empty());
  EXPECT_EQ(read("mistral", {{"sliding_window", 8}}).sliding_window, 8);
}

TEST(FamilyConfig, qwen_window_is_switched) {
  EXPECT_EQ(read("qwen2", {{"sliding_window", 8}}).sliding_window, 0);
  const json on = {{"sliding_window", 8}, {"use_sliding_window", true}};
  EXPECT_TRUE(read("qwen2", on).layer_traits.empty());  // 28 layers see all
  json some = on;
  some["max_window_layers"] = 3;
  EXPECT_THAT(sliding(read("qwen3", some)),
              ElementsAre(false, false, false, true));
  some["layer_types"] = {"sliding_attention", "full_attention",
                         "full_attention", "full_attention"};
  EXPECT_THAT(sliding(read("qwen2", some)),
              ElementsAre(true, false, false, false));
}

// A table of a forged size would take all memory.
TEST(FamilyConfig, a_forged_count_of_experts_is_refused) {
  EXPECT_THAT(error_of("qwen3_moe", {{"num_experts", 250001}}),
              testing::HasSubstr("num_experts"));
  EXPECT_EQ(read("qwen3_moe", {{"num_experts", 250000}}).experts.count, 250000);
  EXPECT_THAT(error_of("mixtral", {{"num_local_experts", 1 << 30}}),
              testing::HasSubstr("at most 250000 for 4 layers"));
}

TEST(FamilyConfig, gemma_windows_alternate) {
  EXPECT_THAT(sliding(read("gemma2", {})),
              ElementsAre(true, false, true, false));
  EXPECT_THAT(sliding(read("gemma3_text", {{"sliding_window_pattern", 3}})),
              ElementsAre(true, true, false, true));
  EXPECT_THAT(sliding(read("gemma3_text", {})), Each(true));
}

TEST(FamilyConfig, gemma_scales_and_caps) {
  const ModelConfig two = read("gemma2", {});
  EXPECT_EQ(two.head_dim, 256);
  EXPECT_TRUE(two.tied_embeddings);
  EXPECT_EQ(two.attention_soft_cap, 50);
  EXPECT_EQ(two.logit_soft_cap, 30);
  EXPECT_EQ(two.query_scalar, 256);
  EXPECT_EQ(two.embedding_scale, 8);
  EXPECT_EQ(two.activation, Activation::kGeluTanh);
  const ModelConfig off = read("gemma2", {{"final_logit_softcapping", nullptr},
                                          {"attn_logit_softcapping", nullptr}});
  EXPECT_EQ(off.attention_soft_cap, 0);
  EXPECT_EQ(off.logit_soft_cap, 0);
  EXPECT_EQ(read("gemma3_text", {}).attention_soft_cap, 0);
}

TEST(FamilyConfig, gemma3_has_two_ropes) {
  const ModelConfig plain = read("gemma3_text", {});
  EXPECT_EQ(plain.rope.theta, 1e6);
  EXPECT_EQ(plain.sliding_rope->theta, 1e4);
  const ModelConfig older = read(
      "gemma3_text", {{"rope_theta", 5e5},
                      {"rope_local_base_freq", 5e3},
                      {"rope_scaling", {{"type", "linear"}, {"factor", 8}}}});
  EXPECT_EQ(older.rope.theta, 5e5);
  EXPECT_EQ(older.rope.factor, 8);
  EXPECT_EQ(older.sliding_rope->theta, 5e3);
  EXPECT_EQ(older.sliding_rope->kind, RopeKind::kDefault);
}

TEST(FamilyConfig, phi3_rope_turns_a_share_of_each_head) {
  const json scaling = {{"type", "su"},
                        {"short_factor", {1.0, 1.5, 2.0}},
                        {"long_factor", {2, 3, 4}}};
  const ModelConfig config = read("phi3", {{"partial_rotary_factor", 0.75},
                                           {"rope_scaling", scaling},
                                           {"max_position_embeddings", 8192}});
  EXPECT_EQ(config.rope.kind, RopeKind::kLongRope);
  EXPECT_EQ(config.rope.rotated_share, 0.75);
  EXPECT_EQ(config.rope.original_max_positions, 4096);
  EXPECT_EQ(config.rope.factor, 2);
  EXPECT_THAT(config.rope.long_factors, ElementsAre(2, 3, 4));
}

TEST(FamilyConfig, smollm3_layers_without_rope) {
  const ModelConfig config = read("smollm3", {});
  EXPECT_TRUE(config.layer(2).rope);
  EXPECT_FALSE(config.layer(3).rope);
  EXPECT_EQ(config.rope.theta, 2e6);
  EXPECT_FALSE(
      read("smollm3", {{"no_rope_layers", {0, 1, 1, 1}}}).layer(0).rope);
}

TEST(FamilyConfig, a_wrapper_keeps_its_text_model_inside) {
  const TemporaryDirectory directory;
  const json inner = {
      {"model_type", "gemma3_text"}, {"vocab_size", 100},
      {"hidden_size", 64},           {"intermediate_size", 96},
      {"num_hidden_layers", 2},      {"num_attention_heads", 4}};
  const json outer = {{"model_type", "gemma3"},
                      {"architectures", {"Gemma3ForConditionalGeneration"}},
                      {"dtype", "bfloat16"},
                      {"text_config", inner},
                      {"vision_config", json::object()}};
  const ModelConfig config =
      read_model_config(directory.write("config.json", outer.dump()));
  EXPECT_EQ(config.model_type, "gemma3_text");
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.dtype, DType::kBF16);
  EXPECT_EQ(read_family_type(directory.path()), "gemma3_text");
}

TEST(FamilyConfig, bad_rows_name_the_field) {
  struct Row {
    std::string family;
    json patch;
    std::string text;
  };
  const json types = {"full_attention", "sliding_attention"};
  const json longrope = {{"rope_type", "longrope"}, {"short_factor", {1, 2}}};
  const std::vector<Row> rows = {
      {"gemma2", {{"hidden_activation", "mish"}}, "'hidden_activation'"},
      {"gemma2", {{"sliding_window", nullptr}}, "'sliding_window'"},
      {"gemma2", {{"attn_logit_softcapping", -1}}, "'attn_logit_softcapping'"},
      {"gemma2", {{"query_pre_attn_scalar", 0}}, "'query_pre_attn_scalar'"},
      {"gemma3_text", {{"layer_types", types}}, "'layer_types'"},
      {"gemma3_text",
       {{"rope_parameters", {{"rope_type", "default"}}}},
       "'rope_parameters.rope_type'"},
      {"gemma3_text",
       {{"rope_scaling", {{"rope_type", "linear"}}}},
       "'rope_scaling.factor'"},
      {"mistral",
       {{"layer_types",
         {"full_attention", "full_attention", "full_attention",
          "full_attention"}}},
       "'layer_types'"},
      {"qwen2",
       {{"layer_types",
         {"sliding_attention", "full_attention", "full_attention",
          "full_attention"}}},
       "'sliding_window'"},
      {"qwen2", {{"attention_bias", true}}, "'attention_bias'"},
      {"qwen3", {{"num_key_value_heads", 3}}, "'num_key_value_heads'"},
      {"phi3", {{"rope_scaling", longrope}}, "'rope_scaling.short_factor'"},
      {"phi3", {{"rope_scaling", longrope}}, "'rope_scaling.long_factor'"},
      {"phi3", {{"partial_rotary_factor", 0.1}}, "'partial_rotary_factor'"},
      {"smollm3", {{"no_rope_layers", {1, 0}}}, "'no_rope_layers'"},
      {"llama", {{"no_rope_layers", {1, 0, 1, 1}}}, "'no_rope_layers'"},
      {"qwen3", {{"quantization_config", {{"quant_method", "awq"}}}}, "awq"},
      {"llama", {{"quantization_config", {{"quant_method", "gptq"}}}}, "gptq"},
      {"llama", {{"quantization_config", {{"quant_method", "fp8"}}}}, "fp8"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(error_of(row.family, row.patch), testing::HasSubstr(row.text))
        << row.family << " " << row.patch;
  }
}

}  // namespace
}  // namespace graft
