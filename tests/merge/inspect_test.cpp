// What inspect_path finds and how it folds layers.
#include "graft/merge/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "graft/base/error.h"
#include "merge/checkpoint_fixture.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using test::made_up_tensor;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> names_of(const Inspection& inspection) {
  std::vector<std::string> out;
  for (const TensorGroup& group : inspection.groups) out.push_back(group.name);
  return out;
}

TEST(Inspect, FoldsNumbersOfOneTypeAndShape) {
  const test::TemporaryDirectory directory;
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const int layer : {0, 1, 2, 10}) {
    const std::string prefix = "h." + std::to_string(layer) + ".";
    const DType dtype = layer == 10 ? DType::kF16 : DType::kF32;
    tensors.emplace_back(prefix + "a.weight", made_up_tensor(dtype, {2, 3}, 1));
    for (const char* expert : {"0", "1"}) {
      tensors.emplace_back(prefix + "experts." + expert + ".w",
                           made_up_tensor(DType::kF32, {4}, 1));
    }
  }
  const auto file = directory.path() / "w.safetensors";
  save_safetensors(file, tensors);
  const Inspection folded = inspect_path(file);
  EXPECT_EQ(folded.kind, "file");
  EXPECT_THAT(names_of(folded),
              ElementsAre("h.{0-2}.a.weight", "h.{0-2,10}.experts.{0-1}.w",
                          "h.10.a.weight"));
  EXPECT_EQ(folded.groups[1].count, 8u);
  EXPECT_EQ(folded.groups[1].parameters, 32u);
  EXPECT_EQ(folded.bytes, 3 * 24u + 12u + 32 * 4u);
  EXPECT_EQ(inspect_path(file, false).groups.size(), 12u);
  EXPECT_THAT(inspection_to_text(folded), HasSubstr("metadata format: pt"));
}

TEST(Inspect, ShowsFieldsThatSaySomething) {
  const test::TemporaryDirectory directory;
  directory.write("adapter_config.json",
                  R"({"r":8,"use_dora":false,"targets":["q","v"],"x":null,)"
                  R"("rank_pattern":{},"name":"\u001b[31m"})");
  save_safetensors(directory.path() / "adapter_model.safetensors",
                   {{"a", made_up_tensor(DType::kF32, {2}, 1)}});
  const Inspection inspection = inspect_path(directory.path());
  EXPECT_EQ(inspection.kind, "adapter");
  const std::string text = inspection_to_text(inspection);
  EXPECT_THAT(text, HasSubstr("r: 8\n  targets: [\"q\",\"v\"]\n  name: "));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("use_dora")));
  const auto json = nlohmann::json::parse(inspection_to_json(inspection));
  EXPECT_EQ(json["fields"]["targets"][1], "v");
  EXPECT_EQ(json["groups"][0]["dtype"], "F32");
}

TEST(Inspect, ReadsShardedCheckpoints) {
  const test::CheckpointFixture files(DType::kBF16);
  const Inspection inspection = inspect_path(files.base());
  EXPECT_EQ(inspection.kind, "checkpoint");
  EXPECT_THAT(inspection.files, ElementsAre(test::CheckpointFixture::kFirst,
                                            test::CheckpointFixture::kSecond));
  EXPECT_EQ(inspection.tensors, 5u);
  EXPECT_THROW(inspect_path(files.path() / "absent"), FileError);
}

std::string text_of(const std::filesystem::path& path) {
  return inspection_to_text(inspect_path(path));
}

TEST(Inspect, SaysWhatTheModelIs) {
  const std::string text =
      text_of(test::source_path("tests/golden/families/qwen3_moe_dense"));
  EXPECT_THAT(text, HasSubstr("  family      qwen3_moe\n"));
  EXPECT_THAT(text, HasSubstr("; F32; head of its own\n"));
  EXPECT_THAT(text,
              HasSubstr("  experts     4 of 12, 2 a token, in layer 3; "));
  EXPECT_THAT(text, HasSubstr("4 of 6, 2 for keys and values; biases; norms"));
  EXPECT_THAT(text, HasSubstr("  rope        default, theta 10000\n"));
  EXPECT_THAT(text, HasSubstr("  tokenizer   none\n"));
  const std::string window =
      text_of(test::source_path("tests/golden/families/gemma3_capped"));
  EXPECT_THAT(window, HasSubstr("; window of 6 in layer 1\n"));
  EXPECT_THAT(window, HasSubstr("theta 1,000,000; default, theta 10000 in "
                                "sliding layers\n"));
}

TEST(Inspect, CountsParametersAtWork) {
  const Inspection inspection =
      inspect_path(test::source_path("tests/golden/families/mixtral_window"));
  const auto json = nlohmann::json::parse(inspection_to_json(inspection));
  // 2 layers, 5 experts of which 3 work, 3 matrices of 24 x 32.
  EXPECT_EQ(json["model"]["parameters_per_token"],
            inspection.parameters - 2 * (5 - 3) * 3 * 24 * 32);
  EXPECT_EQ(json["model"]["experts"]["layers"], nlohmann::json({0, 1}));
  EXPECT_EQ(json["dtypes"]["F32"], inspection.parameters);
}

// With weights and without: the same tensors.
TEST(Inspect, ConfigAloneListsWhatTheFamilyHas) {
  const auto model = test::source_path("tests/golden/families/phi3_longrope");
  const test::TemporaryDirectory directory;
  std::filesystem::copy_file(model / "config.json",
                             directory.path() / "config.json");
  const Inspection stored = inspect_path(model);
  const Inspection alone = inspect_path(directory.path());
  EXPECT_EQ(alone.kind, "config");
  EXPECT_EQ(names_of(alone), names_of(stored));
  EXPECT_EQ(alone.parameters, stored.parameters);
  EXPECT_EQ(alone.bytes, stored.bytes);
  EXPECT_THAT(inspection_to_text(alone), HasSubstr("rope        longrope"));
}

TEST(Inspect, ConfigAloneOfAnUnknownFamilyIsAnError) {
  const test::TemporaryDirectory directory;
  directory.write("config.json", R"({"model_type":"falcon"})");
  try {
    inspect_path(directory.path());
    FAIL() << "no error";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr("config.json without weights"));
    EXPECT_THAT(error.what(), HasSubstr("falcon"));
  }
}

TEST(Inspect, golden_every_directory) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens folder\n";
    return;
  }
  test::CaseCounter counter("directories inspected");
  for (const auto& list : {"models", "adapters"}) {
    for (const auto& folder : test::sub_directories(*goldens / list)) {
      const Inspection inspection = inspect_path(folder);
      EXPECT_GT(inspection.parameters, 0u) << folder;
      EXPECT_LE(inspection.groups.size(), inspection.tensors);
      counter.ran();
    }
  }
}

}  // namespace
}  // namespace graft
