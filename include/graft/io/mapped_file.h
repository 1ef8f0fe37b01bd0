// A file mapped read-only into memory. Entry points: MappedFile::open,
// release_mapped_bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace graft {

// Shared so that tensors can keep the mapping alive. The mapping is private
// and read-only: writing through it is a fault.
class MappedFile {
 public:
  // Throws FileError when the file is missing or not a regular file, and
  // SystemError when it cannot be mapped. An empty file maps to no bytes.
  static std::shared_ptr<const MappedFile> open(
      const std::filesystem::path& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  // Tells the kernel that `range` (part of bytes()) is no longer needed, so
  // that a streaming reader keeps a small resident set.
  void release(std::span<const std::byte> range) const;

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

// MappedFile::release for whoever holds bytes and not the file they are in: for
// the part of `range` that lies in the mapping of its first byte. Nothing
// happens to bytes that no MappedFile has mapped. The bytes stay readable: a
// read brings them back.
void release_mapped_bytes(std::span<const std::byte> range);

}  // namespace graft
