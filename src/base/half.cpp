// Scalar and bulk conversion of 16-bit floats. The loops are plain so that
// the compiler vectorises them.
#include "graft/base/half.h"

#include <bit>
#include <cstring>
#include <string>

#include "graft/base/error.h"

namespace graft {
namespace {

template <typename T>
T load(const void* source, std::size_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(source) + index * sizeof(T),
              sizeof(T));
  return value;
}

template <typename T>
void store(void* target, std::size_t index, T value) {
  std::memcpy(static_cast<char*>(target) + index * sizeof(T), &value,
              sizeof(T));
}

[[noreturn]] void refuse(DType dtype) {
  throw ConfigError(ErrorText{.operation = "convert",
                              .what = "no arithmetic on this type",
                              .got = std::string(dtype_name(dtype)),
                              .expected = "F64, F32, F16 or BF16",
                              .hint = ""});
}

}  // namespace

float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40u : rounded >> 16);
}

float f16_to_f32(std::uint16_t bits) {
  // The exponent is moved by a multiplication, which also handles subnormals.
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t body = static_cast<std::uint32_t>(bits & 0x7fffu) << 13;
  const float scaled = std::bit_cast<float>(body) * 0x1p112f;
  const bool special = (bits & 0x7c00u) == 0x7c00u;
  const std::uint32_t magnitude =
      special ? (body | 0x7f800000u) : std::bit_cast<std::uint32_t>(scaled);
  return std::bit_cast<float>(sign | magnitude);
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {  // NaN
    return static_cast<std::uint16_t>(sign | 0x7e00u);
  }
  if (magnitude >= 0x477ff000u) {  // rounds to infinity
    return static_cast<std::uint16_t>(sign | 0x7c00u);
  }
  if (magnitude < 0x38800000u) {  // subnormal: the adder rounds to even
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(
        sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded =
      magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u;
  return static_cast<std::uint16_t>(sign | (rounded >> 13));
}

void to_f32(DType dtype, const void* source, std::size_t count, float* target) {
  switch (dtype) {
    case DType::kF32:
      if (count != 0) std::memcpy(target, source, count * sizeof(float));
      return;
    case DType::kF64:
      for (std::size_t i = 0; i < count; ++i) {
        target[i] = static_cast<float>(load<double>(source, i));
      }
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < count; ++i) {
        target[i] = bf16_to_f32(load<std::uint16_t>(source, i));
      }
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < count; ++i) {
        target[i] = f16_to_f32(load<std::uint16_t>(source, i));
      }
      return;
    default:
      refuse(dtype);
  }
}

void from_f32(DType dtype, const float* source, std::size_t count,
              void* target) {
  switch (dtype) {
    case DType::kF32:
      if (count != 0) std::memcpy(target, source, count * sizeof(float));
      return;
    case DType::kF64:
      for (std::size_t i = 0; i < count; ++i) {
        store(target, i, static_cast<double>(source[i]));
      }
      return;
    case DType::kBF16:
      for (std::size_t i = 0; i < count; ++i) {
        store(target, i, f32_to_bf16(source[i]));
      }
      return;
    case DType::kF16:
      for (std::size_t i = 0; i < count; ++i) {
        store(target, i, f32_to_f16(source[i]));
      }
      return;
    default:
      refuse(dtype);
  }
}

}  // namespace graft
