// config.json written from a configuration reads as the same one, for every
// golden model.
#include "formats/hf/model_config_writer_internal.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

void expect_same_rope(const RopeConfig& got, const RopeConfig& wanted) {
  EXPECT_EQ(got.kind, wanted.kind);
  EXPECT_EQ(got.theta, wanted.theta);
  EXPECT_EQ(got.factor, wanted.factor);
  EXPECT_EQ(got.low_freq_factor, wanted.low_freq_factor);
  EXPECT_EQ(got.high_freq_factor, wanted.high_freq_factor);
  EXPECT_EQ(got.original_max_positions, wanted.original_max_positions);
  EXPECT_EQ(got.beta_fast, wanted.beta_fast);
  EXPECT_EQ(got.beta_slow, wanted.beta_slow);
  EXPECT_EQ(got.attention_factor, wanted.attention_factor);
  EXPECT_EQ(got.short_factors, wanted.short_factors);
  EXPECT_EQ(got.long_factors, wanted.long_factors);
  EXPECT_EQ(got.rotated_share, wanted.rotated_share);
}

void expect_same_sizes(const ModelConfig& got, const ModelConfig& wanted) {
  EXPECT_EQ(got.model_type, wanted.model_type);
  EXPECT_EQ(got.vocab_size, wanted.vocab_size);
  EXPECT_EQ(got.hidden_size, wanted.hidden_size);
  EXPECT_EQ(got.intermediate_size, wanted.intermediate_size);
  EXPECT_EQ(got.layers, wanted.layers);
  EXPECT_EQ(got.heads, wanted.heads);
  EXPECT_EQ(got.kv_heads, wanted.kv_heads);
  EXPECT_EQ(got.head_dim, wanted.head_dim);
  EXPECT_EQ(got.max_positions, wanted.max_positions);
  EXPECT_EQ(got.experts.count, wanted.experts.count);
  EXPECT_EQ(got.experts.per_token, wanted.experts.per_token);
  EXPECT_EQ(got.experts.size, wanted.experts.size);
  EXPECT_EQ(got.experts.normalised, wanted.experts.normalised);
}

void expect_same(const ModelConfig& got, const ModelConfig& wanted) {
  expect_same_sizes(got, wanted);
  expect_same_rope(got.rope, wanted.rope);
  ASSERT_EQ(got.sliding_rope.has_value(), wanted.sliding_rope.has_value());
  if (got.sliding_rope) {
    expect_same_rope(*got.sliding_rope, *wanted.sliding_rope);
  }
  EXPECT_EQ(got.norm_eps, wanted.norm_eps);
  EXPECT_EQ(got.attention_bias, wanted.attention_bias);
  EXPECT_EQ(got.qkv_bias, wanted.qkv_bias);
  EXPECT_EQ(got.mlp_bias, wanted.mlp_bias);
  EXPECT_EQ(got.tied_embeddings, wanted.tied_embeddings);
  EXPECT_EQ(got.activation, wanted.activation);
  EXPECT_EQ(got.layer_traits, wanted.layer_traits);
  const bool slides =
      std::ranges::any_of(wanted.layer_traits, &LayerTraits::sliding);
  EXPECT_EQ(slides ? got.sliding_window : 0,
            slides ? wanted.sliding_window : 0);
  EXPECT_EQ(got.query_scalar, wanted.query_scalar);
  EXPECT_EQ(got.attention_soft_cap, wanted.attention_soft_cap);
  EXPECT_EQ(got.logit_soft_cap, wanted.logit_soft_cap);
  EXPECT_EQ(got.embedding_scale, wanted.embedding_scale);
}

std::vector<fs::path> golden_models() {
  auto out = test::sub_directories(test::source_path("tests/golden/families"));
  if (const auto shared = test::goldens_dir()) {
    for (const fs::path& path : test::sub_directories(*shared / "models")) {
      out.push_back(path);
    }
  }
  return out;
}

TEST(ModelConfigWriter, ReadsBackAsTheSame) {
  std::size_t count = 0;
  for (const fs::path& folder : golden_models()) {
    SCOPED_TRACE(folder);
    if (!fs::exists(folder / "config.json")) continue;
    const ModelConfig config = read_model_config(folder / "config.json");
    const test::TemporaryDirectory directory;
    const auto path = directory.write(
        "config.json", model_config_to_json(config, DType::kF32, {}));
    expect_same(read_model_config(path), config);
    ++count;
  }
  EXPECT_GE(count, 15U);
}

}  // namespace
}  // namespace graft
