// A read-only tensor in host memory: dtype, shape, bytes and whatever keeps
// the bytes alive (a mapped file, an owned buffer). Entry point: HostTensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "graft/base/dtype.h"

namespace graft {

// Row-major and contiguous. The data may be unaligned (safetensors promises
// nothing), and must never be written through.
struct HostTensor {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // keeps `bytes` valid

  std::int64_t element_count() const;

  // All elements as fp32. Throws ConfigError when dtype is not computable.
  std::vector<float> to_floats() const;

  // A tensor that owns its bytes.
  static HostTensor make_owned(DType dtype, std::vector<std::int64_t> shape,
                               std::vector<std::byte> bytes);
  // An F32 tensor that owns a copy of `values`.
  static HostTensor from_floats(std::vector<std::int64_t> shape,
                                std::span<const float> values);
};

}  // namespace graft
