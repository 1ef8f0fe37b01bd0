// Every target over its committed corpus, so that builds without clang run
// the seeds and all inputs that once were findings.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/targets.h"

namespace graft {
namespace {

struct TargetRow {
  const char* name;
  void (*run)(std::string_view);
};

class Corpus : public testing::TestWithParam<TargetRow> {};

TEST_P(Corpus, LeavesNothingButErrors) {
  const auto folder =
      std::filesystem::path(GRAFT_FUZZ_CORPUS) / GetParam().name;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_NO_THROW(GetParam().run(bytes)) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 0) << folder;
}

INSTANTIATE_TEST_SUITE_P(
    Fuzz, Corpus,
    testing::Values(TargetRow{"safetensors", fuzz::safetensors},
                    TargetRow{"gguf", fuzz::gguf},
                    TargetRow{"tokenizer", fuzz::tokenizer},
                    TargetRow{"chat_template", fuzz::chat_template},
                    TargetRow{"jsonl", fuzz::jsonl},
                    TargetRow{"model_config", fuzz::model_config},
                    TargetRow{"selector", fuzz::selector}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace graft
