// flock on the folder itself. Entry point: FolderLock.
#include "graft/io/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "graft/base/error.h"

namespace graft {

FolderLock::FolderLock(const std::filesystem::path& folder,
                       const char* operation) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) {
    throw ConfigError(ErrorText{.operation = operation,
                                .what = folder.string() + " is no folder",
                                .hint = "Choose another output"});
  }
  held_ = std::shared_ptr<const void>(nullptr,
                                      [file](const void*) { ::close(file); });
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    throw ConfigError(ErrorText{
        .operation = operation,
        .what = folder.string() + " is in use by another run of graft",
        .hint = "Wait until it has ended, or choose another output"});
  }
}

}  // namespace graft
