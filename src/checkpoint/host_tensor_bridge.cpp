// Tensors between host bytes and LibTorch. Entry points: to_host_tensor,
// from_host_tensor (graft/checkpoint/base_model.h), map_tensor.
#include <ATen/ATen.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "checkpoint/tensor_bridge_internal.h"
#include "graft/base/error.h"
#include "graft/checkpoint/base_model.h"
#include "graft/io/mapped_file.h"

namespace graft {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 15> kTypes = {{
    {DType::kF64, at::kDouble},
    {DType::kF32, at::kFloat},
    {DType::kF16, at::kHalf},
    {DType::kBF16, at::kBFloat16},
    {DType::kI64, at::kLong},
    {DType::kI32, at::kInt},
    {DType::kI16, at::kShort},
    {DType::kI8, at::kChar},
    {DType::kU64, at::kUInt64},
    {DType::kU32, at::kUInt32},
    {DType::kU16, at::kUInt16},
    {DType::kU8, at::kByte},
    {DType::kBool, at::kBool},
    {DType::kF8E4M3, at::kFloat8_e4m3fn},
    {DType::kF8E5M2, at::kFloat8_e5m2},
}};

}  // namespace

at::ScalarType to_scalar_type(DType dtype) {
  for (const auto& [known, type] : kTypes) {
    if (known == dtype) return type;
  }
  throw Error("tensor: a type without a LibTorch counterpart");
}

DType from_scalar_type(at::ScalarType type) {
  for (const auto& [known, candidate] : kTypes) {
    if (candidate == type) return known;
  }
  throw ConfigError(ErrorText{"tensor",
                              "element type",
                              c10::toString(type),
                              "a type that safetensors files can hold",
                              {}});
}

at::Tensor map_tensor(const HostTensor& tensor) {
  const auto options = at::TensorOptions().dtype(to_scalar_type(tensor.dtype));
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.bytes.data());
  if (tensor.bytes.empty() || address % dtype_size(tensor.dtype) != 0) {
    return from_host_tensor(tensor);
  }
  // LibTorch has no read-only tensors; nothing writes to these.
  void* data = const_cast<std::byte*>(tensor.bytes.data());
  // Who drops the tensor has copied it, or is done: its pages of the file need
  // not stay in memory.
  return at::from_blob(
      data, tensor.shape,
      [owner = tensor.owner, bytes = tensor.bytes](void*) {
        release_mapped_bytes(bytes);
      },
      options);
}

HostTensor to_host_tensor(const at::Tensor& tensor) {
  const auto kept = std::make_shared<const at::Tensor>(
      tensor.detach().to(at::kCPU).contiguous());
  const auto* data = static_cast<const std::byte*>(kept->const_data_ptr());
  return {from_scalar_type(kept->scalar_type()),
          kept->sizes().vec(),
          {data, kept->nbytes()},
          kept};
}

at::Tensor from_host_tensor(const HostTensor& tensor) {
  at::Tensor copy = at::empty(
      tensor.shape, at::TensorOptions().dtype(to_scalar_type(tensor.dtype)));
  if (!tensor.bytes.empty()) {
    std::memcpy(copy.mutable_data_ptr(), tensor.bytes.data(),
                tensor.bytes.size());
  }
  return copy;
}

}  // namespace graft
