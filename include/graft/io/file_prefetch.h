// Brings files into the page cache while the program does something else.
// Entry point: FilePrefetch.
#pragma once

#include <filesystem>
#include <stop_token>
#include <thread>
#include <vector>

namespace graft {

// A hint, never an error: a file that cannot be opened is passed over, and
// nothing happens where the system has no such call or where the files are
// larger than half the memory that is left.
class FilePrefetch {
 public:
  // Asks for `files` one after another, each from its beginning, from a thread
  // of its own.
  explicit FilePrefetch(std::vector<std::filesystem::path> files);
  // Stops at the next piece of 128 KiB.
  ~FilePrefetch() = default;
  FilePrefetch(const FilePrefetch&) = delete;
  FilePrefetch& operator=(const FilePrefetch&) = delete;

 private:
  std::jthread thread_;
};

}  // namespace graft
