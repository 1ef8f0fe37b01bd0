// How tensors of GGUF files store their elements: plain, or quantised in
// blocks that share scales. Entry points: find_block_format,
// plain_block_format. A new type is one row of the table in block_format.cpp
// and one function in block_decoder.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "graft/base/dtype.h"

namespace graft {

// One ggml type. Blocks lie one after another, unaligned.
struct BlockFormat {
  // Decodes `blocks` blocks at `source` into blocks * elements floats, with
  // the bits that the Python package gguf gives (a NaN may have another
  // payload).
  using Decode = void (*)(const std::byte* source, std::size_t blocks,
                          float* target);

  std::uint32_t id = 0;        // ggml's number, as GGUF files store it
  std::string_view name;       // "Q4_1"
  std::size_t elements = 1;    // of a block
  std::size_t bytes = 1;       // of a block
  std::optional<DType> dtype;  // set for plain elements
  Decode decode = nullptr;     // null: known, but graft does not decode it
};

// nullptr when ggml has no such type.
const BlockFormat* find_block_format(std::uint32_t id);
// The format of plain elements; nullptr when GGUF has none for `dtype`.
const BlockFormat* plain_block_format(DType dtype);
// All, by id.
std::span<const BlockFormat> block_formats();
// "F32, F16, Q4_0, ...": those that graft decodes, for messages.
std::string_view decodable_block_formats();

}  // namespace graft
