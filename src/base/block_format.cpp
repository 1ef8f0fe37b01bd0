// The one table of ggml's types: ids and sizes as in ggml.h and in the Python
// package gguf (constants.py).
#include "graft/base/block_format.h"

#include <algorithm>
#include <string>

#include "base/block_decoder_internal.h"

namespace graft {
namespace {

constexpr BlockFormat kFormats[] = {
    {0, "F32", 1, 4, DType::kF32, block_decoder::f32},
    {1, "F16", 1, 2, DType::kF16, block_decoder::f16},
    {2, "Q4_0", 32, 18, {}, block_decoder::q4_0},
    {3, "Q4_1", 32, 20, {}, block_decoder::q4_1},
    {6, "Q5_0", 32, 22, {}, block_decoder::q5_0},
    {7, "Q5_1", 32, 24, {}, block_decoder::q5_1},
    {8, "Q8_0", 32, 34, {}, block_decoder::q8_0},
    {9, "Q8_1", 32, 40, {}, nullptr},
    {10, "Q2_K", 256, 84, {}, block_decoder::q2_k},
    {11, "Q3_K", 256, 110, {}, block_decoder::q3_k},
    {12, "Q4_K", 256, 144, {}, block_decoder::q4_k},
    {13, "Q5_K", 256, 176, {}, block_decoder::q5_k},
    {14, "Q6_K", 256, 210, {}, block_decoder::q6_k},
    {15, "Q8_K", 256, 292, {}, nullptr},
    {16, "IQ2_XXS", 256, 66, {}, nullptr},
    {17, "IQ2_XS", 256, 74, {}, nullptr},
    {18, "IQ3_XXS", 256, 98, {}, nullptr},
    {19, "IQ1_S", 256, 50, {}, nullptr},
    {20, "IQ4_NL", 32, 18, {}, block_decoder::iq4_nl},
    {21, "IQ3_S", 256, 110, {}, nullptr},
    {22, "IQ2_S", 256, 82, {}, nullptr},
    {23, "IQ4_XS", 256, 136, {}, nullptr},
    {24, "I8", 1, 1, DType::kI8, nullptr},
    {25, "I16", 1, 2, DType::kI16, nullptr},
    {26, "I32", 1, 4, DType::kI32, nullptr},
    {27, "I64", 1, 8, DType::kI64, nullptr},
    {28, "F64", 1, 8, DType::kF64, block_decoder::f64},
    {29, "IQ1_M", 256, 56, {}, nullptr},
    {30, "BF16", 1, 2, DType::kBF16, block_decoder::bf16},
    {34, "TQ1_0", 256, 54, {}, nullptr},
    {35, "TQ2_0", 256, 66, {}, nullptr},
    {39, "MXFP4", 32, 17, {}, nullptr},
    {40, "NVFP4", 64, 36, {}, nullptr},
    {41, "Q1_0", 128, 18, {}, nullptr},
};

}  // namespace

const BlockFormat* find_block_format(std::uint32_t id) {
  const auto found =
      std::ranges::lower_bound(kFormats, id, {}, &BlockFormat::id);
  return found != std::end(kFormats) && found->id == id ? &*found : nullptr;
}

const BlockFormat* plain_block_format(DType dtype) {
  const auto found = std::ranges::find_if(
      kFormats, [dtype](const BlockFormat& row) { return row.dtype == dtype; });
  return found == std::end(kFormats) ? nullptr : &*found;
}

std::span<const BlockFormat> block_formats() { return kFormats; }

std::string_view decodable_block_formats() {
  static const std::string kNames = [] {
    std::string out;
    for (const BlockFormat& row : kFormats) {
      if (row.decode == nullptr) continue;
      if (!out.empty()) out += ", ";
      out += row.name;
    }
    return out;
  }();
  return kNames;
}

}  // namespace graft
