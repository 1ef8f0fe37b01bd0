// Reader of one safetensors file: mapped, validated completely before any use.
// Entry point: SafetensorsFile::open. Format: docs/formats/safetensors.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/dtype.h"
#include "graft/base/host_tensor.h"
#include "graft/io/mapped_file.h"

namespace graft {

struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // bytes from the start of the data section
  std::uint64_t end = 0;

  std::uint64_t byte_size() const { return end - begin; }
  std::int64_t element_count() const;
};

class SafetensorsFile {
 public:
  // Throws FileError naming the file, the tensor and the cause; allocates
  // nothing in proportion to a forged size.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_->path(); }
  // In the order of their data.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }
  const TensorEntry* find_or_null(std::string_view name) const;
  // Zero-copy view that keeps the mapping alive.
  HostTensor tensor(const TensorEntry& entry) const;
  // Bytes before the data section.
  std::uint64_t data_offset() const { return data_offset_; }
  const MappedFile& mapping() const { return *file_; }

 private:
  SafetensorsFile() = default;

  std::shared_ptr<const MappedFile> file_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::map<std::string, std::string> metadata_;
  std::uint64_t data_offset_ = 0;
};

}  // namespace graft
