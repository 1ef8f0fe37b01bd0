// posix_fadvise in pieces, so that the first bytes come first and stopping
// takes a moment only.
#include "graft/io/file_prefetch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <utility>

#include "graft/base/process_memory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

// Linux reads no more of a longer request than the read-ahead of the device,
// 128 KiB where nobody changed it.
constexpr std::int64_t kPiece = std::int64_t{128} << 10;

std::int64_t size_of(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

bool fit_into_memory(const std::vector<fs::path>& files) {
  std::int64_t sum = 0;
  for (const fs::path& file : files) sum += size_of(file);
  const auto room = memory_room();
  return room && sum <= room->bytes / 2;
}

void prefetch(const fs::path& file, const std::stop_token& stop) {
#if defined(POSIX_FADV_WILLNEED)
  const int descriptor =
      ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return;
  const std::int64_t size = size_of(file);
  for (std::int64_t at = 0; at < size && !stop.stop_requested(); at += kPiece) {
    ::posix_fadvise(descriptor, at, kPiece, POSIX_FADV_WILLNEED);
  }
  ::close(descriptor);
#else
  static_cast<void>(file);
  static_cast<void>(stop);
#endif
}

}  // namespace

FilePrefetch::FilePrefetch(std::vector<fs::path> files)
    : thread_([files = std::move(files)](const std::stop_token& stop) {
        if (!fit_into_memory(files)) return;
        for (const fs::path& file : files) {
          if (stop.stop_requested()) return;
          prefetch(file, stop);
        }
      }) {}

}  // namespace graft
