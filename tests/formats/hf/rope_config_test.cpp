// Every rope_type in both spellings, with the defaults of transformers 5.23,
// and bad rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

ModelConfig read_patched(const nlohmann::json& patch) {
  nlohmann::json config = {{"model_type", "llama"},
                           {"vocab_size", 100},
                           {"hidden_size", 64},
                           {"intermediate_size", 112},
                           {"num_hidden_layers", 2},
                           {"num_attention_heads", 4},
                           {"max_position_embeddings", 1024}};
  config.merge_patch(patch);
  const test::TemporaryDirectory directory;
  return read_model_config(directory.write("config.json", config.dump()));
}

// The same rope as the two layouts spell it.
std::vector<nlohmann::json> spellings(const nlohmann::json& rope,
                                      double theta) {
  nlohmann::json current = rope;
  current["rope_theta"] = theta;
  nlohmann::json older = rope;
  older["type"] = rope.at("rope_type");
  older.erase("rope_type");
  return {{{"rope_parameters", current}},
          {{"rope_scaling", rope}, {"rope_theta", theta}},
          {{"rope_scaling", older}, {"rope_theta", theta}},
          {{"rope_parameters", rope}, {"rope_theta", theta}}};
}

struct KindRow {
  nlohmann::json rope;
  RopeKind kind;
  double factor;
  std::int64_t original;
};

TEST(RopeConfig, kinds_in_every_spelling) {
  const std::vector<KindRow> rows = {
      {{{"rope_type", "default"}}, RopeKind::kDefault, 1.0, 0},
      {{{"rope_type", "linear"}, {"factor", 4}}, RopeKind::kLinear, 4.0, 0},
      {{{"rope_type", "dynamic"}, {"factor", 2.0}},
       RopeKind::kDynamic,
       2.0,
       1024},
      {{{"rope_type", "llama3"},
        {"factor", 8.0},
        {"low_freq_factor", 1.0},
        {"high_freq_factor", 4.0},
        {"original_max_position_embeddings", 64}},
       RopeKind::kLlama3,
       8.0,
       64},
      {{{"rope_type", "yarn"}, {"factor", 4.0}}, RopeKind::kYarn, 4.0, 1024},
  };
  for (const KindRow& row : rows) {
    for (const nlohmann::json& config : spellings(row.rope, 5e5)) {
      SCOPED_TRACE(config.dump());
      const RopeConfig rope = read_patched(config).rope;
      EXPECT_EQ(rope.theta, 5e5);
      EXPECT_EQ(rope.kind, row.kind);
      EXPECT_EQ(rope.factor, row.factor);
      EXPECT_EQ(rope.original_max_positions, row.original);
    }
  }
}

TEST(RopeConfig, yarn_defaults) {
  const RopeConfig rope =
      read_patched(
          {{"rope_parameters",
            {{"rope_type", "yarn"}, {"factor", 4.0}, {"beta_fast", 0}}}})
          .rope;
  EXPECT_EQ(rope.beta_fast, 32.0);
  EXPECT_EQ(rope.beta_slow, 1.0);
  EXPECT_TRUE(rope.truncate);
  EXPECT_FALSE(rope.attention_factor.has_value());
}

TEST(RopeConfig, yarn_options) {
  const RopeConfig rope =
      read_patched({{"rope_parameters",
                     {{"rope_type", "yarn"},
                      {"factor", nullptr},
                      {"attention_factor", 1.5},
                      {"mscale", 0.7},
                      {"mscale_all_dim", 0.8},
                      {"truncate", false}}},
                    {"original_max_position_embeddings", 256}})
          .rope;
  EXPECT_EQ(rope.original_max_positions, 256);
  EXPECT_EQ(rope.factor, 4.0);
  EXPECT_EQ(rope.attention_factor, 1.5);
  EXPECT_EQ(rope.mscale, 0.7);
  EXPECT_EQ(rope.mscale_all_dim, 0.8);
  EXPECT_FALSE(rope.truncate);
}

TEST(RopeConfig, theta_inside_wins) {
  EXPECT_EQ(read_patched({{"rope_theta", 7.0},
                          {"rope_parameters", {{"rope_theta", 9.0}}}})
                .rope.theta,
            9.0);
  EXPECT_EQ(read_patched({{"rope_scaling", nlohmann::json::object()},
                          {"rope_parameters", {{"rope_theta", 9.0}}}})
                .rope.theta,
            9.0);
}

TEST(RopeConfig, bad_rows_name_the_field) {
  const std::vector<std::pair<nlohmann::json, std::string>> rows = {
      {{{"rope_type", "proportional"}}, "rope_type"},
      {{{"rope_type", "longrope"}}, "short_factor"},
      {{{"rope_type", "longrope"}, {"short_factor", {1, 1}}}, "long_factor"},
      {{{"rope_type", 3}}, "rope_type"},
      {{{"type", "su"}}, "type"},
      {{{"rope_type", "linear"}}, "factor"},
      {{{"rope_type", "linear"}, {"factor", "2"}}, "factor"},
      {{{"rope_type", "dynamic"}, {"factor", -1}}, "factor"},
      {{{"rope_type", "llama3"}, {"factor", 8}}, "low_freq_factor"},
      {{{"rope_type", "llama3"},
        {"factor", 8},
        {"low_freq_factor", 4},
        {"high_freq_factor", 4}},
       "high_freq_factor"},
      {{{"rope_type", "yarn"},
        {"factor", 8},
        {"original_max_position_embeddings", 0.5}},
       "original_max_position_embeddings"},
      {{{"rope_type", "default"}, {"partial_rotary_factor", 0.25}},
       "partial_rotary_factor"},
      {{{"mrope_section", {8, 4, 4}}}, "mrope_section"},
      {{{"full_attention", {{"rope_type", "default"}}}}, "full_attention"},
  };
  for (const auto& [rope, field] : rows) {
    SCOPED_TRACE(rope.dump());
    try {
      read_patched({{"rope_scaling", rope}});
      ADD_FAILURE() << "accepted";
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("rope_scaling." + field));
    }
  }
}

}  // namespace
}  // namespace graft
