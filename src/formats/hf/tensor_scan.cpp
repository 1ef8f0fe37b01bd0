// Bit tests on IEEE elements; tensor_scan_internal.h has the contract.
#include <cstdint>
#include <cstring>

#include "formats/hf/tensor_scan_internal.h"

namespace graft {
namespace {

// False when for some element (bits & mask) == value is `stop`.
template <typename Bits>
bool none_is(const HostTensor& tensor, Bits mask, Bits value, bool stop) {
  const std::byte* at = tensor.bytes.data();
  const std::size_t count = tensor.bytes.size() / sizeof(Bits);
  for (std::size_t i = 0; i < count; ++i) {
    Bits bits;
    std::memcpy(&bits, at + i * sizeof(Bits), sizeof(Bits));
    if (((bits & mask) == value) == stop) return false;
  }
  return true;
}

constexpr std::uint64_t kExponent64 = std::uint64_t{0x7ff} << 52;
constexpr std::uint32_t kExponent32 = 0x7f800000u;
constexpr std::uint16_t kExponentHalf = 0x7c00;
constexpr std::uint16_t kExponentBrain = 0x7f80;

}  // namespace

bool is_all_finite(const HostTensor& tensor) {
  switch (tensor.dtype) {
    case DType::kF64:
      return none_is(tensor, kExponent64, kExponent64, true);
    case DType::kF32:
      return none_is(tensor, kExponent32, kExponent32, true);
    case DType::kF16:
      return none_is(tensor, kExponentHalf, kExponentHalf, true);
    case DType::kBF16:
      return none_is(tensor, kExponentBrain, kExponentBrain, true);
    default:
      return true;
  }
}

bool is_all_zero(const HostTensor& tensor) {
  switch (tensor.dtype) {
    case DType::kF64:
      return none_is<std::uint64_t>(tensor, ~std::uint64_t{0} >> 1, 0, false);
    case DType::kF32:
      return none_is<std::uint32_t>(tensor, 0x7fffffffu, 0, false);
    case DType::kF16:
    case DType::kBF16:
      return none_is<std::uint16_t>(tensor, 0x7fff, 0, false);
    default:
      return false;
  }
}

}  // namespace graft
