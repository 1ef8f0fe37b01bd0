// What summaries say of directories and GGUF files, and of what is no model.
#include "graft/formats/model_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/hf/tokenizer_kind_internal.h"
#include "graft/base/error.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::TemporaryDirectory;
using testing::HasSubstr;

TEST(ModelSummary, says_what_a_directory_is) {
  const auto model =
      summarise_directory(test::source_path("examples/tiny/model"));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->family, "llama");
  ASSERT_TRUE(model->config) << model->problem;
  EXPECT_EQ(model->tokenizer.kind, "BPE");
  EXPECT_EQ(model->tokenizer.file, "tokenizer.json");
}

TEST(ModelSummary, says_what_a_gguf_file_is) {
  const GgufFile file =
      GgufFile::open(test::source_path("tests/golden/gguf/models/q4_0.gguf"));
  const ModelSummary model = summarise_gguf(file);
  EXPECT_EQ(model.family, "llama");
  ASSERT_TRUE(model.config) << model.problem;
  EXPECT_EQ(model.tokenizer.file, "q4_0.gguf");
}

TEST(ModelSummary, a_family_without_runtime_keeps_its_name_and_the_reason) {
  const TemporaryDirectory directory;
  directory.write("config.json", R"({"model_type":"falcon\u001b"})");
  directory.write("tokenizer.model", "x");
  directory.write("tokenizer_config.json", R"({"chat_template":"{{x}}"})");
  const auto model = summarise_directory(directory.path());
  ASSERT_TRUE(model);
  EXPECT_EQ(model->family, "falcon\\u001b");
  EXPECT_FALSE(model->config);
  EXPECT_THAT(model->problem, HasSubstr("falcon"));
  EXPECT_EQ(model->tokenizer.kind, "SentencePiece");
  EXPECT_TRUE(model->tokenizer.chat_template);
}

TEST(ModelSummary, a_directory_without_model_type_is_none) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(summarise_directory(directory.path()));
  directory.write("config.json", "{}");
  EXPECT_FALSE(summarise_directory(directory.path()));
}

TEST(ModelSummary, idle_parameters_are_the_experts_that_no_token_chose) {
  ModelConfig config;
  config.layers = 3;
  config.hidden_size = 8;
  config.layer_traits = {{}, {.experts = true}, {.experts = true}};
  config.experts = {.count = 6, .per_token = 2, .size = 5};
  EXPECT_EQ(idle_parameters(config), 2u * (6 - 2) * 3 * 8 * 5);
  EXPECT_EQ(idle_parameters(ModelConfig{}), 0u);
}

struct KindRow {
  const char* json;
  const char* kind;
};

TEST(TokenizerKind, reads_no_further_than_the_type) {
  const std::vector<KindRow> rows = {
      {R"({"version":"1.0","added_tokens":[{"type":"no"}],)"
       R"("model":{"type":"Unigram","vocab":[["a",0]]}})",
       "Unigram"},
      // What follows the type is not read, however damaged.
      {R"({"model":{"type":"BPE","vocab":{"a":)", "BPE"},
      {R"({"decoder":{"type":"no"},"model":{"dropout":null,"type":"BPE"}})",
       "BPE"},
      {R"({"model":{"vocab":{"type":1},"type":"BPE"}})", "unknown"},
      {R"({"model":{"x":{"type":"no"}}})", "unknown"},
      {R"(["model",{"type":"no"}])", "unknown"},
      {R"({"model":)", "unknown"},
      {"", "unknown"}};
  const TemporaryDirectory directory;
  for (const KindRow& row : rows) {
    EXPECT_EQ(read_tokenizer_kind(directory.write("t.json", row.json)),
              row.kind)
        << row.json;
  }
}

TEST(ModelSummary, golden_every_model) {
  const auto goldens = test::goldens_dir();
  if (!goldens) return;
  test::CaseCounter counter("models summarised");
  for (const auto& folder : test::sub_directories(*goldens / "models")) {
    if (!std::filesystem::exists(folder / "config.json")) continue;
    const auto model = summarise_directory(folder);
    ASSERT_TRUE(model) << folder;
    EXPECT_TRUE(model->config) << folder << model->problem;
    counter.ran();
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
