// Tables of adapter_config.json texts: what is read, what is refused and by
// which name, what only warns.
#include "formats/hf/adapter_config_internal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

HfAdapterConfig read_text(const std::string& text,
                          const std::string& model_type = "llama") {
  const test::TemporaryDirectory directory;
  return read_adapter_config(directory.write("adapter_config.json", text),
                             model_type);
}

HfAdapterConfig read_patched(const nlohmann::json& patch) {
  nlohmann::json config = {{"peft_type", "LORA"},
                           {"r", 4},
                           {"lora_alpha", 8},
                           {"target_modules", {"q_proj"}}};
  config.merge_patch(patch);
  return read_text(config.dump());
}

std::string error_of(const nlohmann::json& patch) {
  try {
    read_patched(patch);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

TEST(AdapterConfig, fields_become_a_rule) {
  const HfAdapterConfig config =
      read_patched({{"base_model_name_or_path", "acme/base"},
                    {"target_modules", {"q_proj", "v_proj"}},
                    {"exclude_modules", "model.*"},
                    {"lora_alpha", 6.5},
                    {"use_rslora", true},
                    {"lora_dropout", 0.25},
                    {"init_lora_weights", "gaussian"},
                    {"layers_to_transform", 3},
                    {"layers_pattern", "layers"}});
  const Rule& rule = config.rule;
  EXPECT_EQ(rule.syntax, PatternSyntax::kPeft);
  EXPECT_THAT(rule.targets, ElementsAre("q_proj", "v_proj"));
  EXPECT_FALSE(rule.peft.targets_regex);
  EXPECT_THAT(rule.excludes, ElementsAre("model.*"));
  EXPECT_TRUE(rule.peft.excludes_regex);
  EXPECT_EQ(rule.adapter.rank, 4);
  EXPECT_EQ(rule.adapter.alpha, 6.5);
  EXPECT_TRUE(rule.adapter.rslora);
  EXPECT_EQ(rule.adapter.dropout, 0.25);
  EXPECT_EQ(rule.adapter.init, AdapterInit::kGaussian);
  ASSERT_TRUE(rule.peft.layers_to_transform.has_value());
  EXPECT_THAT(*rule.peft.layers_to_transform, ElementsAre(3));
  EXPECT_THAT(rule.peft.layers_pattern, ElementsAre("layers"));
  EXPECT_EQ(config.base_model, "acme/base");
  EXPECT_TRUE(config.warnings.empty());
}

TEST(AdapterConfig, defaults_are_those_of_peft) {
  const Rule rule = read_text(R"({"peft_type": "LORA"})").rule;
  EXPECT_EQ(rule.adapter.rank, 8);
  EXPECT_EQ(rule.adapter.alpha, 8.0);
  EXPECT_THAT(rule.targets, ElementsAre("q_proj", "v_proj"));
  EXPECT_FALSE(rule.written_by_person);
  EXPECT_THAT(read_text(R"({"peft_type": "LORA"})", "phi").rule.targets,
              ElementsAre("q_proj", "v_proj", "fc1", "fc2"));
  EXPECT_THROW(read_text(R"({"peft_type": "LORA"})", "mystery"), FileError);
}

TEST(AdapterConfig, parameters_may_stand_alone) {
  const Rule rule = read_patched({{"target_modules", nlohmann::json::array()},
                                  {"target_parameters",
                                   {"experts.down_proj", "gate.weight"}}})
                        .rule;
  EXPECT_TRUE(rule.targets.empty());
  EXPECT_TRUE(rule.peft.targets_listed);
  EXPECT_TRUE(rule.written_by_person);
  EXPECT_THAT(rule.peft.target_parameters,
              ElementsAre("experts.down_proj", "gate.weight"));
  const Rule none = read_text(R"({"peft_type": "LORA",
                    "target_parameters": ["a.b"]})",
                              "mystery")
                        .rule;
  EXPECT_FALSE(none.peft.targets_listed);
  EXPECT_THAT(error_of({{"target_modules", nlohmann::json::array()}}),
              HasSubstr("at least one name"));
  EXPECT_THAT(error_of({{"target_parameters", "down_proj"}}),
              HasSubstr("target_parameters"));
}

TEST(AdapterConfig, pattern_maps_keep_the_order_of_the_file) {
  const PeftFields peft = read_text(R"({"peft_type": "LORA",
                    "rank_pattern": {"z": 3, "a": 2},
                    "alpha_pattern": {"q": 1.5, "b": 4}})")
                              .rule.peft;
  EXPECT_THAT(peft.rank_pattern,
              ElementsAre(testing::Pair("z", 3), testing::Pair("a", 2)));
  EXPECT_THAT(peft.alpha_pattern,
              ElementsAre(testing::Pair("q", 1.5), testing::Pair("b", 4.0)));
}

TEST(AdapterConfig, other_kinds_are_refused_by_name) {
  const std::vector<std::pair<nlohmann::json, std::string>> rows = {
      {{{"use_dora", true}}, "DoRA"},
      {{{"lora_bias", true}}, "lora_bias"},
      {{{"bias", "all"}}, "biases"},
      {{{"bias", "lora_only"}}, "biases"},
      {{{"modules_to_save", {"lm_head"}}}, "modules_to_save"},
      {{{"trainable_token_indices", {1, 2}}}, "trainable tokens"},
      {{{"trainable_token_indices", {{"embed", {1}}}}}, "trainable tokens"},
      {{{"target_parameters", {"up"}}, {"lora_bias", true}}, "lora_bias"},
      {{{"layer_replication", {{0, 2}, {1, 3}}}}, "layer replication"},
      {{{"use_qalora", true}}, "QA-LoRA"},
      {{{"alora_invocation_tokens", {5}}}, "aLoRA"},
      {{{"use_bdlora", {{"nblocks", 2}}}}, "BD-LoRA"},
      {{{"arrow_config", {{"top_k", 2}}}}, "Arrow"},
      {{{"velora_config", {{"a", 2}}}}, "VeLoRA"},
      {{{"monteclora_config", {{"a", 2}}}}, "MonteCLoRA"},
      {{{"kasa_config", {{"beta", 2}}}}, "KaSA"},
      {{{"megatron_config", {{"a", 1}}}}, "Megatron"},
      {{{"peft_type", "IA3"}}, "LORA"},
      {{{"init_lora_weights", "pissa"}}, "pissa"},
      {{{"init_lora_weights", "pissa_niter_4"}}, "changed base"},
      {{{"init_lora_weights", "olora"}}, "changed base"},
      {{{"init_lora_weights", "loftq"}}, "changed base"},
      {{{"init_lora_weights", "corda"}}, "changed base"},
      {{{"init_lora_weights", "lora_ga"}}, "changed base"},
  };
  for (const auto& [patch, text] : rows) {
    EXPECT_THAT(error_of(patch), HasSubstr(text)) << patch;
    EXPECT_THAT(error_of(patch), HasSubstr("adapter_config.json")) << patch;
  }
}

TEST(AdapterConfig, bad_rows_name_the_field) {
  const std::vector<nlohmann::json> rows = {
      {{"peft_type", nullptr}},
      {{"peft_type", 3}},
      {{"r", 0}},
      {{"r", -4}},
      {{"r", 4.5}},
      {{"r", "4"}},
      {{"r", 1e300}},
      {{"lora_alpha", "8"}},
      {{"lora_dropout", 1.5}},
      {{"use_rslora", "yes"}},
      {{"target_modules", 5}},
      {{"target_modules", nlohmann::json::array()}},
      {{"target_modules", {1, 2}}},
      {{"exclude_modules", 1}},
      {{"layers_to_transform", "1"}},
      {{"rank_pattern", {1, 2}}},
      {{"rank_pattern", {{"q_proj", 0}}}},
      {{"alpha_pattern", {{"q_proj", "x"}}}},
      {{"init_lora_weights", "mystery"}},
      {{"base_model_name_or_path", 7}},
  };
  for (const nlohmann::json& row : rows) {
    EXPECT_THAT(error_of(row), HasSubstr("'" + row.begin().key())) << row;
  }
}

TEST(AdapterConfig, all_problems_at_once) {
  EXPECT_THAT(error_of({{"r", 0}, {"use_dora", true}, {"bias", "all"}}),
              testing::AllOf(HasSubstr("'r'"), HasSubstr("'use_dora'"),
                             HasSubstr("'bias'")));
}

TEST(AdapterConfig, values_without_effect) {
  const std::vector<nlohmann::json> rows = {
      {{"use_dora", false}},
      {{"modules_to_save", nullptr}},
      {{"modules_to_save", nlohmann::json::array()}},
      {{"loftq_config", nlohmann::json::object()}},
      {{"init_lora_weights", false}},
      {{"init_lora_weights", "eva"}},
      {{"layers_to_transform", nlohmann::json::array()}},
      {{"rank_pattern", nlohmann::json::object()}},
      {{"peft_version", "9.9"}},
      {{"task_type", "SEQ_2_SEQ_LM"}},
  };
  for (const nlohmann::json& row : rows) {
    EXPECT_EQ(error_of(row), "") << row;
    EXPECT_TRUE(read_patched(row).warnings.empty()) << row;
  }
}

TEST(AdapterConfig, warnings) {
  EXPECT_THAT(read_patched({{"use_magic", true}, {"other", 1}}).warnings,
              ElementsAre(testing::AllOf(HasSubstr("'use_magic'"),
                                         HasSubstr("'other'"))));
  EXPECT_THAT(read_patched({{"fan_in_fan_out", true}}).warnings,
              ElementsAre(HasSubstr("fan_in_fan_out")));
}

TEST(AdapterConfig, damaged_texts) {
  const std::string deep(100000, '[');
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{\"r\": 4,"),
        std::string("{\"peft_type\": \"LORA\", \"peft_type\": \"LORA\"}"),
        "{\"x\": " + deep, std::string("7")}) {
    EXPECT_THROW(read_text(text), FileError) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace graft
