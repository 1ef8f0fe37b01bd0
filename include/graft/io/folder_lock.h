// One process at a time works in a folder. Entry point: FolderLock.
#pragma once

#include <filesystem>
#include <memory>

namespace graft {

// Held until the object (and every copy) goes or the process ends, however it
// ends; leaves nothing in the folder. Advisory: it keeps out graft alone.
class FolderLock {
 public:
  // Does not wait. Throws ConfigError when another process holds the lock, or
  // when `folder` is no folder; `operation` starts the sentence.
  FolderLock(const std::filesystem::path& folder, const char* operation);

 private:
  std::shared_ptr<const void> held_;
};

}  // namespace graft
