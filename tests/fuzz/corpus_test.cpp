// Every target over its committed corpus, so that builds without clang run the
// seeds and all inputs that once were findings. The folder of a seed says what
// becomes of it: accepted, file_error, config_error.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "fuzz/targets.h"
#include "graft/base/error.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

struct TargetRow {
  const char* name;
  void (*run)(std::string_view);
};

// The folder that the bytes belong to, and why.
std::string outcome_of(const TargetRow& target, const std::string& bytes,
                       std::string& why) {
  try {
    target.run(bytes);
    return "accepted";
  } catch (const FileError& error) {
    why = error.what();
    return "file_error";
  } catch (const ConfigError& error) {
    why = error.what();
    return "config_error";
  } catch (const std::exception& error) {
    why = error.what();
    return "another exception";
  }
}

class Corpus : public testing::TestWithParam<TargetRow> {};

TEST_P(Corpus, AcceptsGoodSeedsAndRefusesBadOnes) {
  const auto root = fs::path(GRAFT_FUZZ_CORPUS) / GetParam().name;
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    const std::string folder = entry.path().parent_path().filename().string();
    std::string why;
    EXPECT_EQ(outcome_of(GetParam(), bytes, why), folder)
        << entry.path() << ": " << why;
    ++(folder == "accepted" ? accepted : refused);
  }
  EXPECT_GT(accepted, 0u) << root;
  EXPECT_GT(refused, 0u) << root;
}

INSTANTIATE_TEST_SUITE_P(
    Fuzz, Corpus,
    testing::Values(TargetRow{"safetensors", fuzz::safetensors},
                    TargetRow{"gguf", fuzz::gguf},
                    TargetRow{"tokenizer", fuzz::tokenizer},
                    TargetRow{"text", fuzz::text},
                    TargetRow{"chat_template", fuzz::chat_template},
                    TargetRow{"jsonl", fuzz::jsonl},
                    TargetRow{"model_config", fuzz::model_config},
                    TargetRow{"adapter", fuzz::adapter},
                    TargetRow{"recipe", fuzz::recipe},
                    TargetRow{"selector", fuzz::selector}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace graft
