// One holder at a time; gone with the holder, also when it is killed.
#include "graft/io/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "graft/base/error.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using testing::HasSubstr;

std::string error_of(const std::filesystem::path& folder) {
  try {
    const FolderLock lock(folder, "train");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(FolderLock, one_at_a_time) {
  const test::TemporaryDirectory directory;
  auto lock = std::make_unique<FolderLock>(directory.path(), "train");
  const std::string error = error_of(directory.path());
  EXPECT_THAT(error, HasSubstr("train: " + directory.path().string()));
  EXPECT_THAT(error, HasSubstr("in use by another run"));
  auto copy = std::make_unique<FolderLock>(*lock);
  lock.reset();
  EXPECT_NE(error_of(directory.path()), "");
  copy.reset();
  EXPECT_EQ(error_of(directory.path()), "");
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(FolderLock, what_is_no_folder) {
  const test::TemporaryDirectory directory;
  EXPECT_THAT(error_of(directory.write("file", "x")), HasSubstr("no folder"));
  EXPECT_THAT(error_of(directory.path() / "none"), HasSubstr("no folder"));
}

TEST(FolderLock, goes_with_a_killed_process) {
  const test::TemporaryDirectory directory;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(directory.path(), "train");
    const char byte = 'x';
    if (::write(ready[1], &byte, 1) == 1) ::pause();
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_NE(error_of(directory.path()), "");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(error_of(directory.path()), "");
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace graft
