// mmap, and madvise to give pages back. Live mappings are listed, so that pages
// can be given back by address alone.
#include "graft/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "graft/base/error.h"

namespace graft {
namespace {

std::string system_message(int code) {
  return std::generic_category().message(code);
}

// What is mapped now, by first byte.
class LiveMappings {
 public:
  static LiveMappings& get() {
    // Never destroyed: a static tensor may outlive every other static.
    static auto* const only = new LiveMappings;
    return *only;
  }

  void add(std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    ends_[bytes.data()] = bytes.data() + bytes.size();
  }

  void remove(std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    ends_.erase(bytes.data());
  }

  // use(part) with the part of `range` that is mapped, while it stays mapped.
  template <typename Use>
  void visit(std::span<const std::byte> range, Use use) {
    const std::lock_guard lock(mutex_);
    auto next = ends_.upper_bound(range.data());
    if (next == ends_.begin()) return;
    const std::byte* end = std::prev(next)->second;
    if (range.data() < end) {
      use(range.first(std::min<std::size_t>(
          range.size(), static_cast<std::size_t>(end - range.data()))));
    }
  }

 private:
  std::mutex mutex_;
  std::map<const std::byte*, const std::byte*, std::less<>> ends_;
};

// Whole pages from the one that holds the first byte; the last, partial one
// stays for whoever reads on.
void give_back(std::span<const std::byte> range) {
  if (range.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t begin = first / page * page;
  const std::uintptr_t end = (first + range.size()) / page * page;
  if (begin < end) {
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }

 private:
  int value_;
};

[[noreturn]] void throw_open_error(const std::filesystem::path& path,
                                   int code) {
  const ErrorText text{
      .operation = "open", .what = path.string(), .got = system_message(code)};
  const bool absent = code == ENOENT || code == ENOTDIR || code == ELOOP ||
                      code == ENAMETOOLONG;
  if (absent) throw FileError(text);
  throw SystemError(text);
}

std::size_t checked_size(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw_open_error(path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw FileError(ErrorText{.operation = "open",
                              .what = path.string(),
                              .expected = "a regular file"});
  }
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(
    const std::filesystem::path& path) {
  // Without O_NONBLOCK a named pipe would block for ever.
  const Descriptor descriptor(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) throw_open_error(path, errno);
  const std::size_t size = checked_size(descriptor.get(), path);
  std::span<const std::byte> bytes;
  if (size > 0) {
    void* start =
        ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
    if (start == MAP_FAILED) {
      throw SystemError(ErrorText{.operation = "map",
                                  .what = path.string(),
                                  .got = system_message(errno)});
    }
    bytes = {static_cast<const std::byte*>(start), size};
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, bytes));
}

MappedFile::MappedFile(std::filesystem::path path,
                       std::span<const std::byte> bytes)
    : path_(std::move(path)), bytes_(bytes) {
  if (!bytes_.empty()) LiveMappings::get().add(bytes_);
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  LiveMappings::get().remove(bytes_);
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> range) const {
  give_back(range);
}

void release_mapped_bytes(std::span<const std::byte> range) {
  LiveMappings::get().visit(range, give_back);
}

}  // namespace graft
