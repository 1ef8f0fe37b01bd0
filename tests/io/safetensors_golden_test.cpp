// Every safetensors file of the shared data: sound ones open, damaged ones
// give a FileError that names the file.
#include <gtest/gtest.h>

#include <iostream>

#include "graft/base/error.h"
#include "graft/io/safetensors.h"
#include "graft/io/sharded_safetensors.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

enum class Want { kOpens, kFails, kEither };

// Folders beside a cases.json are deliberately damaged adapters, not always in
// the weights: what the safetensors library refuses, graft must refuse, and
// what should load must open. The rest may do either.
Want classify(const fs::path& file) {
  const fs::path list = file.parent_path().parent_path() / "cases.json";
  if (!fs::exists(list)) return Want::kOpens;
  const auto cases = test::read_json(list).at("cases");
  for (const auto& row : cases) {
    if (row.at("name") != file.parent_path().filename().string()) continue;
    if (row.at("want") != "error") return Want::kOpens;
    const std::string reference = row.value("peft", "");
    const bool refused = reference.find("SafetensorError") != reference.npos;
    return refused ? Want::kFails : Want::kEither;
  }
  return Want::kOpens;
}

TEST(Safetensors, golden_every_file) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens folder\n";
    return;
  }
  test::CaseCounter sound("sound files");
  test::CaseCounter damaged("damaged files");
  for (const fs::path& file : test::files_below(*goldens, ".safetensors")) {
    const Want want = classify(file);
    bool opened = true;
    try {
      SafetensorsFile::open(file);
    } catch (const FileError& error) {
      opened = false;
      const std::string message = error.what();
      EXPECT_NE(message.find(file.string()), message.npos) << message;
    }
    (want == Want::kOpens ? sound : damaged).ran();
    if (want != Want::kEither) {
      EXPECT_EQ(opened, want == Want::kOpens) << file;
    }
  }
  EXPECT_GT(sound.ran_count(), 0u);
}

TEST(ShardedSafetensors, golden_every_model_directory) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens folder\n";
    return;
  }
  test::CaseCounter counter("model directories");
  for (const fs::path& config : test::files_below(*goldens, ".json")) {
    const fs::path folder = config.parent_path();
    const bool has_weights =
        fs::exists(folder / "model.safetensors") ||
        fs::exists(folder / "model.safetensors.index.json");
    if (config.filename() != "config.json" || !has_weights) continue;
    counter.ran();
    EXPECT_FALSE(ShardedSafetensors::open(folder).names().empty()) << folder;
  }
}

}  // namespace
}  // namespace graft
