// Temporary names, flushing and renaming. Entry points: AtomicFile,
// AtomicDirectory, write_file_atomically.
#include "graft/io/atomic_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "graft/base/error.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0666;  // less the process's umask
constexpr mode_t kDirectoryMode = 0777;

[[noreturn]] void throw_system(const std::string& action, const fs::path& path,
                               int code) {
  throw SystemError(ErrorText{.operation = action,
                              .what = path.string(),
                              .got = std::generic_category().message(code)});
}

fs::path without_trailing_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

// A hidden sibling that no other process or thread uses. `make` returns false
// when the name is taken.
template <typename Make>
fs::path make_sibling(const fs::path& final_path, const char* purpose,
                      Make make) {
  static std::atomic<unsigned> counter{0};
  for (;;) {
    std::string name = ".";
    name += final_path.filename().string() + "." + purpose + "-" +
            std::to_string(::getpid()) + "-" + std::to_string(counter++);
    const fs::path path = final_path.parent_path() / name;
    if (make(path)) return path;
  }
}

fs::path make_sibling_directory(const fs::path& final_path,
                                const char* purpose) {
  return make_sibling(final_path, purpose, [](const fs::path& path) {
    if (::mkdir(path.c_str(), kDirectoryMode) == 0) return true;
    if (errno != EEXIST) throw_system("create", path, errno);
    return false;
  });
}

// Flushes a file or a folder. Some file systems cannot flush folders.
void flush(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_system("flush", path, errno);
  const int code = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (code != 0 && code != EINVAL) throw_system("flush", path, code);
}

void flush_parent(const fs::path& path) {
  const fs::path parent = path.parent_path();
  flush(parent.empty() ? fs::path(".") : parent);
}

void flush_tree(const fs::path& directory) {
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() || entry.is_directory()) flush(entry.path());
  }
  flush(directory);
}

// Lets the disk work while the program goes on, so that the flush at the end
// is short. Only a hint.
void start_writing(int descriptor, std::uint64_t offset, std::uint64_t count) {
#ifdef SYNC_FILE_RANGE_WRITE
  static_cast<void>(::sync_file_range(descriptor, static_cast<off_t>(offset),
                                      static_cast<off_t>(count),
                                      SYNC_FILE_RANGE_WRITE));
#else
  static_cast<void>(descriptor);
  static_cast<void>(offset);
  static_cast<void>(count);
#endif
}

// Exchanges two folders in one step, so that the name never vanishes. False
// where the system cannot.
bool exchange(const fs::path& a, const fs::path& b) {
#ifdef RENAME_EXCHANGE
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) ==
      0) {
    return true;
  }
#endif
  static_cast<void>(a);
  static_cast<void>(b);
  return false;
}

// Moves `old_path` aside, `new_path` in its place. Returns where the old one
// is now.
fs::path replace_directory(const fs::path& new_path, const fs::path& old_path) {
  if (exchange(new_path, old_path)) return new_path;
  const fs::path aside = make_sibling_directory(old_path, "graft-old");
  std::error_code error;
  fs::rename(old_path, aside, error);  // onto an empty folder: allowed
  if (error) {
    fs::remove(aside);
    throw_system("replace", old_path, error.value());
  }
  fs::rename(new_path, old_path, error);
  if (error) {
    const int code = error.value();
    fs::rename(aside, old_path, error);
    throw_system("replace", old_path, code);
  }
  return aside;
}

}  // namespace

AtomicFile::AtomicFile(fs::path final_path) : final_(std::move(final_path)) {
  temporary_ = make_sibling(final_, "graft-tmp", [this](const fs::path& path) {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                         kFileMode);
    if (descriptor_ >= 0) return true;
    if (errno != EEXIST) throw_system("create", path, errno);
    return false;
  });
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_system("write", final_, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

void AtomicFile::write_at(std::uint64_t offset,
                          std::span<const std::byte> bytes) {
  const std::uint64_t first = offset;
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(descriptor_, bytes.data(), bytes.size(),
                                   static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      throw_system("write", final_, errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  start_writing(descriptor_, first, offset - first);
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) throw_system("flush", final_, errno);
  const int closed = ::close(std::exchange(descriptor_, -1));
  if (closed != 0) throw_system("close", final_, errno);
  if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
    throw_system("rename to", final_, errno);
  }
  temporary_.clear();
  flush_parent(final_);
}

AtomicDirectory::AtomicDirectory(fs::path final_path, Existing existing)
    : final_(without_trailing_slash(final_path)) {
  const bool exists = fs::exists(final_);
  if (exists && !fs::is_directory(final_)) {
    throw ConfigError(ErrorText{.operation = "output",
                                .what = final_.string(),
                                .got = "a file",
                                .expected = "a new directory"});
  }
  if (exists && existing == Existing::kRefuse && !fs::is_empty(final_)) {
    throw ConfigError(
        ErrorText{.operation = "output",
                  .what = final_.string() + " exists and is not empty",
                  .hint = "Choose another, or pass "
                          "--overwrite"});
  }
  std::error_code error;
  if (final_.has_parent_path()) {
    fs::create_directories(final_.parent_path(), error);
    if (error) throw_system("create", final_.parent_path(), error.value());
  }
  temporary_ = make_sibling_directory(final_, "graft-tmp");
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::commit() {
  flush_tree(temporary_);
  fs::path old;
  if (fs::exists(final_) && !fs::is_empty(final_)) {
    old = replace_directory(temporary_, final_);
  } else if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
    throw_system("rename to", final_, errno);
  }
  temporary_.clear();
  flush_parent(final_);
  std::error_code ignored;
  if (!old.empty()) fs::remove_all(old, ignored);
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace graft
