// Deterministic writer of safetensors files. Entry points: SafetensorsWriter
// (streams, bounded memory) and save_safetensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/dtype.h"
#include "graft/base/host_tensor.h"
#include "graft/io/atomic_output.h"

namespace graft {

struct TensorLayout {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
};

// Everything before the data section: length field, JSON, padding. Throws
// ConfigError for duplicate or reserved names and sizes beyond 64 bits.
std::string make_safetensors_header(
    const std::vector<TensorLayout>& layout,
    const std::map<std::string, std::string>& metadata);

// The header is written first, padded with spaces so that the data section
// starts at a multiple of 64 bytes; then the tensors' bytes in the order
// of `layout`. Same layout and metadata give the same bytes.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const std::filesystem::path& path,
                    const std::vector<TensorLayout>& layout,
                    const std::map<std::string, std::string>& metadata);

  // Appends bytes of the current tensor, or of the following ones.
  void write(std::span<const std::byte> bytes);

  // Throws Error when fewer or more bytes were written than the layout says.
  void commit();

 private:
  AtomicFile file_;
  std::uint64_t expected_ = 0;
  std::uint64_t written_ = 0;
};

// Writes `tensors` sorted by name. Metadata defaults to {"format": "pt"}.
void save_safetensors(const std::filesystem::path& path,
                      std::vector<std::pair<std::string, HostTensor>> tensors,
                      const std::map<std::string, std::string>& metadata = {
                          {"format", "pt"}});

}  // namespace graft
