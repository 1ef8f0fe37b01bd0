// Reader of GGUF files, versions 2 and 3: mapped, validated completely before
// any use. Entry points: GgufFile::open, is_gguf_file. Format:
// docs/formats/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/block_format.h"
#include "graft/base/stored_tensor.h"
#include "graft/io/gguf_metadata.h"
#include "graft/io/mapped_file.h"

namespace graft {

struct GgufEntry {
  std::string name;
  const BlockFormat* format = nullptr;  // never null
  std::vector<std::int64_t> shape;      // row-major: the file's, reversed
  std::uint64_t begin = 0;              // bytes from the start of the data
  std::uint64_t end = 0;

  std::uint64_t byte_size() const { return end - begin; }
  std::int64_t element_count() const;
};

class GgufFile {
 public:
  // Throws FileError naming the file, the key or tensor and the cause;
  // allocates nothing in proportion to a forged size.
  static GgufFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  std::uint32_t version() const { return version_; }
  std::uint64_t alignment() const { return alignment_; }
  const GgufMetadata& metadata() const { return metadata_; }
  // In the order of the header.
  const std::vector<GgufEntry>& entries() const { return entries_; }
  const GgufEntry* find_or_null(std::string_view name) const;
  // Zero-copy view that keeps the mapping alive.
  StoredTensor tensor(const GgufEntry& entry) const;
  // Bytes before the data section.
  std::uint64_t data_offset() const { return data_offset_; }
  const MappedFile& mapping() const { return *file_; }

 private:
  GgufFile() = default;
  void read_header();
  void check_data() const;

  std::shared_ptr<const MappedFile> file_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  GgufMetadata metadata_;
  std::vector<GgufEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::uint64_t data_offset_ = 0;
};

// True for a regular file that begins with the magic bytes "GGUF" or is named
// *.gguf.
bool is_gguf_file(const std::filesystem::path& path);

}  // namespace graft
