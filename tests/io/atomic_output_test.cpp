// Outputs appear whole or not at all: exceptions, a killed process, a full
// disk.
#include "graft/io/atomic_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <set>

#include "graft/base/error.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

// Runs `body` in a child and returns its wait status.
int status_of_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

// The child's files may not grow beyond `limit`: write fails as on a full
// disk.
int status_with_full_disk(rlim_t limit, const std::function<void()>& body) {
  return status_of_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit size{limit, limit};
    setrlimit(RLIMIT_FSIZE, &size);
    try {
      body();
    } catch (const SystemError&) {
      return 4;
    }
    return 0;
  });
}

TEST(AtomicFile, ReplacesOnCommitOnly) {
  const test::TemporaryDirectory directory;
  const fs::path path = directory.write("a.txt", "old");
  {
    AtomicFile file(path);
    file.write("new");
    EXPECT_EQ(test::read_text(path), "old");
  }
  EXPECT_EQ(test::read_text(path), "old");
  EXPECT_THAT(names_in(directory.path()), ElementsAre("a.txt"));
  AtomicFile file(path);
  file.write("n");
  file.write("ew");
  file.commit();
  EXPECT_EQ(test::read_text(path), "new");
  EXPECT_THAT(names_in(directory.path()), ElementsAre("a.txt"));
}

TEST(AtomicFile, WritesAtOffsets) {
  const test::TemporaryDirectory directory;
  const fs::path path = directory.path() / "a.txt";
  AtomicFile file(path);
  file.write_at(2, std::as_bytes(std::span("cd", 2)));
  file.write("ab");
  file.commit();
  EXPECT_EQ(test::read_text(path), "abcd");
}

TEST(AtomicFile, HasTheModeOfOrdinaryFiles) {
  const test::TemporaryDirectory directory;
  const mode_t old_mask = umask(027);
  write_file_atomically(directory.path() / "a", "x");
  umask(old_mask);
  struct stat status {};
  ASSERT_EQ(stat((directory.path() / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(AtomicFile, MissingFolderIsTheSystemsFault) {
  EXPECT_THROW(AtomicFile("/nonexistent/a"), SystemError);
}

TEST(AtomicFile, FullDiskKeepsTheOldFile) {
  const test::TemporaryDirectory directory;
  const fs::path path = directory.write("a.bin", "old");
  const int status = status_with_full_disk(1000, [&] {
    AtomicFile file(path);
    const std::vector<std::byte> bytes(4000);
    file.write(bytes);
    file.commit();
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(test::read_text(path), "old");
  EXPECT_THAT(names_in(directory.path()), ElementsAre("a.bin"));
}

TEST(AtomicFile, KilledProcessLeavesTheOldFile) {
  const test::TemporaryDirectory directory;
  const fs::path path = directory.write("a.bin", "old");
  const int status = status_of_child([&] {
    AtomicFile file(path);
    file.write("half");
    std::raise(SIGKILL);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(test::read_text(path), "old");
}

TEST(AtomicDirectory, AppearsOnCommitOnly) {
  const test::TemporaryDirectory directory;
  const fs::path path = directory.path() / "runs" / "out";
  {
    const AtomicDirectory abandoned(path, AtomicDirectory::Existing::kRefuse);
    write_file_atomically(abandoned.path() / "f", "x");
  }
  EXPECT_THAT(names_in(path.parent_path()), IsEmpty());
  AtomicDirectory output(path, AtomicDirectory::Existing::kRefuse);
  write_file_atomically(output.path() / "f", "x");
  EXPECT_FALSE(fs::exists(path));
  output.commit();
  EXPECT_EQ(test::read_text(path / "f"), "x");
  EXPECT_THAT(names_in(path.parent_path()), ElementsAre("out"));
}

TEST(AtomicDirectory, RefusesWhatExists) {
  const test::TemporaryDirectory directory;
  directory.write("out/f", "old");
  const auto refuse = AtomicDirectory::Existing::kRefuse;
  const auto replace = AtomicDirectory::Existing::kReplace;
  try {
    AtomicDirectory(directory.path() / "out", refuse);
    ADD_FAILURE() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--overwrite"));
  }
  const fs::path file = directory.path() / "out" / "f";
  EXPECT_THROW(AtomicDirectory(file, replace), ConfigError);
  EXPECT_THROW(AtomicDirectory(file, refuse), ConfigError);
  fs::create_directory(directory.path() / "empty");
  AtomicDirectory output(directory.path() / "empty", refuse);
  output.commit();
}

TEST(AtomicDirectory, ReplacesTheOldOneWhole) {
  const test::TemporaryDirectory directory;
  directory.write("out/old", "1");
  AtomicDirectory output(directory.path() / "out/",
                         AtomicDirectory::Existing::kReplace);
  write_file_atomically(output.path() / "new", "2");
  EXPECT_THAT(names_in(directory.path() / "out"), ElementsAre("old"));
  output.commit();
  EXPECT_THAT(names_in(directory.path() / "out"), ElementsAre("new"));
  EXPECT_THAT(names_in(directory.path()), ElementsAre("out"));
}

TEST(AtomicDirectory, KilledProcessLeavesTheOldOne) {
  const test::TemporaryDirectory directory;
  directory.write("out/old", "1");
  const int status = status_of_child([&] {
    AtomicDirectory output(directory.path() / "out",
                           AtomicDirectory::Existing::kReplace);
    write_file_atomically(output.path() / "new", "2");
    std::raise(SIGKILL);
    return 0;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(names_in(directory.path() / "out"), ElementsAre("old"));
}

}  // namespace
}  // namespace graft
