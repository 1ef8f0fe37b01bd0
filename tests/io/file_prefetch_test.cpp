// That pages come, and that nothing else does.
#include "graft/io/file_prefetch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "graft/io/mapped_file.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

void drop_from_cache(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY);
  ::fsync(descriptor);
  ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
}

// Pages of the file in the page cache.
std::size_t cached_pages(const MappedFile& file) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> flags((file.bytes().size() + page - 1) / page);
  ::mincore(const_cast<std::byte*>(file.bytes().data()), file.bytes().size(),
            flags.data());
  std::size_t count = 0;
  for (const unsigned char flag : flags) count += flag & 1;
  return count;
}

TEST(FilePrefetch, brings_every_page_of_every_file) {
  const test::TemporaryDirectory directory;
  const std::string bytes((40u << 20) + 5, 'x');
  const fs::path first = directory.write("first", bytes);
  const fs::path second = directory.write("second", "y");
  const auto file = MappedFile::open(first);
  drop_from_cache(first);
  if (cached_pages(*file) > 0) GTEST_SKIP() << "this file system keeps pages";
  const FilePrefetch prefetch({second, first});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const std::size_t pages =
      file->bytes().size() / static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) +
      1;
  while (cached_pages(*file) < pages &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(cached_pages(*file), pages);
}

TEST(FilePrefetch, passes_over_what_is_no_file) {
  const test::TemporaryDirectory directory;
  const FilePrefetch none({});
  const FilePrefetch some(
      {directory.path(), directory.path() / "absent", "/dev/null", ""});
}

}  // namespace
}  // namespace graft
