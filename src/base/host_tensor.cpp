// Ownership and fp32 view of host tensors.
#include "graft/base/host_tensor.h"

#include <cstring>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/half.h"

namespace graft {

std::int64_t HostTensor::element_count() const {
  return static_cast<std::int64_t>(bytes.size() / dtype_size(dtype));
}

std::vector<float> HostTensor::to_floats() const {
  if (!is_computable(dtype)) {
    throw ConfigError(ErrorText{.operation = "tensor",
                                .what = "no arithmetic on this type",
                                .got = std::string(dtype_name(dtype)),
                                .expected = "F64, F32, F16 or BF16",
                                .hint = ""});
  }
  std::vector<float> out(static_cast<std::size_t>(element_count()));
  to_f32(dtype, bytes.data(), out.size(), out.data());
  return out;
}

HostTensor HostTensor::make_owned(DType dtype, std::vector<std::int64_t> shape,
                                  std::vector<std::byte> bytes) {
  auto buffer =
      std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  HostTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.bytes = *buffer;
  tensor.owner = std::move(buffer);
  return tensor;
}

HostTensor HostTensor::from_floats(std::vector<std::int64_t> shape,
                                   std::span<const float> values) {
  std::vector<std::byte> bytes(values.size_bytes());
  if (!bytes.empty()) {
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  return make_owned(DType::kF32, std::move(shape), std::move(bytes));
}

}  // namespace graft
