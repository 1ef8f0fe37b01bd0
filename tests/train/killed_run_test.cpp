// A run that is killed in the middle and resumed ends with the same bytes as
// one that never stopped. Runs the program on the embedded model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Starts `graft-torch train` on the embedded recipe; errors go to `log`.
pid_t start_training(const fs::path& output, const fs::path& log,
                     std::vector<std::string> more) {
  std::vector<std::string> words = {
      GRAFT_TORCH_PROGRAM,
      "train",
      test::source_path("examples/tiny/recipe.yaml").string(),
      "--output",
      output.string(),
      "--steps",
      "12",
      "--batch-size",
      "4",
      "--micro-batch-size",
      "2",
      "--save-every",
      "3",
      "--eval",
      "0",
      "--dropout",
      "0.1",
      "--threads",
      "1"};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen(log.c_str(), "w", stderr)) _exit(126);
    if (!std::freopen("/dev/null", "w", stdout)) _exit(126);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  return child;
}

int exit_code_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string adapter_bytes(const fs::path& run) {
  return test::read_text(run / "adapter" / "adapter_model.safetensors");
}

class KilledRun : public ::testing::Test {
 protected:
  const test::TemporaryDirectory folder_;
  const fs::path log_ = folder_.path() / "log";
  const fs::path whole_ = folder_.path() / "whole";
  const fs::path killed_ = folder_.path() / "killed";

  // Kills the run as soon as its first state is there.
  void kill_in_the_middle() {
    const pid_t child = start_training(killed_, log_, {});
    const fs::path state = killed_ / "checkpoints" / "step-3";
    for (int i = 0; i < 6000 && !fs::exists(state); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_TRUE(fs::exists(state)) << test::read_text(log_);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
};

TEST_F(KilledRun, resumes_to_the_same_bytes) {
  ASSERT_EQ(exit_code_of(start_training(whole_, log_, {})), 0)
      << test::read_text(log_);
  ASSERT_NO_FATAL_FAILURE(kill_in_the_middle());
  ASSERT_EQ(exit_code_of(start_training(killed_, log_, {"--resume"})), 0)
      << test::read_text(log_);
  EXPECT_EQ(adapter_bytes(whole_), adapter_bytes(killed_));
}

TEST_F(KilledRun, is_refused_with_other_settings) {
  ASSERT_NO_FATAL_FAILURE(kill_in_the_middle());
  EXPECT_EQ(exit_code_of(start_training(
                killed_, log_, {"--resume", "--set", "adapter.alpha=7"})),
            2);
  EXPECT_THAT(test::read_text(log_), HasSubstr("adapter.alpha: got 7"));
  EXPECT_EQ(exit_code_of(start_training(
                killed_, log_, {"--resume", "--set", "compute.threads=2"})),
            2);
  EXPECT_THAT(test::read_text(log_), HasSubstr("compute.threads"));
  EXPECT_EQ(exit_code_of(start_training(killed_, log_, {})), 2);
  EXPECT_THAT(test::read_text(log_), HasSubstr("--resume or --overwrite"));
}

}  // namespace
}  // namespace graft
