// The output of a merge appears whole or not at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "graft/base/error.h"
#include "graft/merge/merge.h"
#include "merge/checkpoint_fixture.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using test::CheckpointFixture;
using testing::HasSubstr;

// Runs `body` in a child process; graft's SystemError exits 4.
int status_of_child(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      body();
    } catch (const SystemError&) {
      _exit(4);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

class MergeOutputTest : public testing::Test {
 protected:
  void merge(const fs::path& output, const MergeOptions& options) const {
    merge_checkpoint(files_.base(), CheckpointFixture::adapter(), output,
                     options);
  }

  // Of another model than the base, whose shards have other names.
  static constexpr const char* kOld = "model.safetensors";

  // An output that was there before.
  void write_old() const {
    fs::create_directories(files_.output());
    write_file_atomically(files_.output() / kOld, "old");
  }

  void expect_old_alone() const {
    EXPECT_EQ(test::read_text(files_.output() / kOld), "old");
    EXPECT_FALSE(fs::exists(files_.output() / "config.json"));
  }

  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(files_.path()), {}));
  }

  CheckpointFixture files_{DType::kF32};
};

TEST_F(MergeOutputTest, RefusesExistingOutputWithoutOverwrite) {
  write_old();
  EXPECT_THROW(merge(files_.output(), {}), ConfigError);
  expect_old_alone();
  MergeOptions options;
  options.overwrite = true;
  merge(files_.output(), options);
  EXPECT_FALSE(fs::exists(files_.output() / kOld));
  EXPECT_EQ(entries(), 2u);
}

TEST_F(MergeOutputTest, OverwritesModelsAlone) {
  MergeOptions options;
  options.overwrite = true;
  for (const char* name : {"notes.txt", "other.safetensors", "sub/file"}) {
    write_old();
    const fs::path mine = files_.output() / name;
    fs::create_directories(mine.parent_path());
    write_file_atomically(mine, "mine");
    EXPECT_THROW(merge(files_.output(), options), ConfigError) << name;
    EXPECT_EQ(test::read_text(mine), "mine");
    expect_old_alone();
    fs::remove_all(files_.output());
  }
  fs::create_directories(files_.output());
  merge(files_.output(), options);  // an empty folder
  merge(files_.output(), options);  // its own result
}

TEST_F(MergeOutputTest, NeverReplacesItsBase) {
  MergeOptions options;
  options.overwrite = true;
  for (const fs::path& output :
       {files_.base(), files_.path(), files_.base() / "." / "",
        files_.path() / "base" / ".." / "base"}) {
    EXPECT_THROW(merge(output, options), ConfigError) << output;
  }
  EXPECT_TRUE(fs::exists(files_.base() / "config.json"));
  EXPECT_THROW(merge_checkpoint(files_.path() / "absent",
                                CheckpointFixture::adapter(), files_.output()),
               FileError);
}

TEST_F(MergeOutputTest, CancellationLeavesNothing) {
  MergeOptions options;
  options.cancellation.cancel();
  try {
    merge(files_.output(), options);
    ADD_FAILURE() << "merged";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("stopped on request"));
  }
  EXPECT_EQ(entries(), 1u);
}

TEST_F(MergeOutputTest, FailingProgressCallbackLeavesNothing) {
  MergeOptions options;
  options.progress = [](const MergeProgress&) {
    throw std::runtime_error("enough");
  };
  EXPECT_THROW(merge(files_.output(), options), std::runtime_error);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(MergeOutputTest, FullDiskKeepsTheOldOutput) {
  write_old();
  const int status = status_of_child([this] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit size{5000, 5000};
    setrlimit(RLIMIT_FSIZE, &size);
    MergeOptions options;
    options.overwrite = true;
    merge(files_.output(), options);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 4);
  expect_old_alone();
  EXPECT_EQ(entries(), 2u);
}

TEST_F(MergeOutputTest, KilledMergeLeavesNothingAtTheFinalName) {
  for (const bool overwrite : {false, true}) {
    if (overwrite) write_old();
    const int status = status_of_child([&] {
      MergeOptions options;
      options.overwrite = overwrite;
      options.progress = [](const MergeProgress& progress) {
        if (progress.bytes_done * 2 > progress.bytes_total) raise(SIGKILL);
      };
      merge(files_.output(), options);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    if (overwrite) {
      expect_old_alone();
    } else {
      EXPECT_FALSE(fs::exists(files_.output()));
    }
  }
}

}  // namespace
}  // namespace graft
