// Code points of UTF-8 text. Entry points: decode_code_point, decode_utf8,
// append_utf8.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;  // bytes taken
};

// The code point at text[position]; a byte that starts no valid sequence
// counts as one code point of its own, above U+10FFFF.
CodePoint decode_code_point(std::string_view text, std::size_t position);

// nullopt when `text` is not UTF-8.
std::optional<std::vector<char32_t>> decode_utf8(std::string_view text);

void append_utf8(char32_t value, std::string& out);

}  // namespace graft
