// Conversion between fp32 and the 16-bit floats, round to nearest even, NaN
// kept a NaN. Entry points: the scalar functions, and to_f32 / from_f32 for
// runs of elements of any computable DType.
#pragma once

#include <cstddef>
#include <cstdint>

#include "graft/base/dtype.h"

namespace graft {

float bf16_to_f32(std::uint16_t bits);
std::uint16_t f32_to_bf16(float value);
float f16_to_f32(std::uint16_t bits);
std::uint16_t f32_to_f16(float value);

// Decodes `count` elements of `dtype` (computable types only) at `source`,
// which may be unaligned, into `target`. F64 is rounded to fp32.
void to_f32(DType dtype, const void* source, std::size_t count, float* target);

// Encodes `count` floats into elements of `dtype`, rounding once.
void from_f32(DType dtype, const float* source, std::size_t count,
              void* target);

}  // namespace graft
