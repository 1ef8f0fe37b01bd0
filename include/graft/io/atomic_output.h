// Outputs that appear complete or not at all: written beside their final name,
// flushed to disk, then renamed. Entry points: AtomicFile, AtomicDirectory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace graft {

// A file under a temporary name in the same folder. Without commit() the
// destructor removes it and the old file stays whole.
class AtomicFile {
 public:
  // Throws SystemError when the temporary file cannot be created.
  explicit AtomicFile(std::filesystem::path final_path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends. Throws SystemError (disk full, quota, ...).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // Writes at `offset` bytes from the start, whatever was appended. Safe from
  // several threads at once.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);

  // Flushes to disk, renames over the final name, flushes the folder.
  void commit();

  const std::filesystem::path& temporary_path() const { return temporary_; }

 private:
  std::filesystem::path final_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

// A directory filled under a temporary sibling name and renamed as a whole.
class AtomicDirectory {
 public:
  enum class Existing { kRefuse, kReplace };

  // Throws ConfigError when `final_path` exists, is not empty and `existing`
  // is kRefuse; SystemError when the folder cannot be created.
  AtomicDirectory(std::filesystem::path final_path, Existing existing);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  // Where to put the files until commit().
  const std::filesystem::path& path() const { return temporary_; }

  // Flushes every file, renames; an old directory is moved aside first,
  // restored when the rename fails and removed after it succeeded.
  void commit();

 private:
  std::filesystem::path final_;
  std::filesystem::path temporary_;
};

// Writes a whole small file atomically.
void write_file_atomically(const std::filesystem::path& path,
                           std::string_view text);

}  // namespace graft
