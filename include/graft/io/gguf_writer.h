// Deterministic writer of small GGUF files, version 3. Entry point: save_gguf.
// Format: docs/formats/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graft/base/host_tensor.h"

namespace graft {

// A metadata value, stored as string, uint32 or float32.
using GgufField = std::variant<std::string, std::uint32_t, float>;

// Keys and tensors in the given order; shapes are row-major here and reversed
// in the file; tensors F32, F16 or BF16, each at a multiple of 32 bytes. The
// file appears complete or not at all. Throws ConfigError for a name that is
// empty, there twice or longer than the 63 bytes that ggml holds, for a tensor
// without elements or with more than 4 dimensions, and for another type;
// SystemError when it cannot be written.
void save_gguf(const std::filesystem::path& path,
               const std::vector<std::pair<std::string, GgufField>>& fields,
               const std::vector<std::pair<std::string, HostTensor>>& tensors);

}  // namespace graft
