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
