// Element types of tensors on disk and in host memory. Entry point: DType.
// Names are those of the safetensors format.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace graft {

enum class DType {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kF8E4M3,
  kF8E5M2,
};

// Bytes per element.
std::size_t dtype_size(DType dtype);
// "F32", "BF16", "F8_E4M3", ...
std::string_view dtype_name(DType dtype);
// nullopt when no such type exists.
std::optional<DType> dtype_from_name(std::string_view name);
// True for F64, F32, F16, BF16: the types that adapters and merges compute on.
bool is_computable(DType dtype);

}  // namespace graft
