// UTF-8 and the few Unicode properties that tokenizers ask about, with the
// answers of the reference's libraries. Entry points: utf8_sequence,
// is_valid_utf8, decode_char, append_utf8, replace_invalid_utf8, is_*.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace graft::text {

// The sequence that starts at one byte: its length, or, when it is not valid,
// the length of the maximal part that one U+FFFD stands for.
struct Utf8Sequence {
  std::size_t length = 0;
  bool valid = false;
};

// `at` < text.size().
Utf8Sequence utf8_sequence(std::string_view text, std::size_t at);
bool is_valid_utf8(std::string_view text);
// One U+FFFD for every maximal invalid part.
std::string replace_invalid_utf8(std::string_view text);

struct DecodedChar {
  char32_t value = 0;
  std::size_t length = 0;
};

// Only for valid UTF-8 and the first byte of a character.
DecodedChar decode_char(std::string_view text, std::size_t at);
// The first byte of the character that ends before `end` > 0.
std::size_t previous_char(std::string_view text, std::size_t end);
void append_utf8(std::string& text, char32_t value);

bool is_white_space(char32_t value);  // the property White_Space
bool is_word(char32_t value);         // \w of Unicode regular expressions
bool is_numeric(char32_t value);      // the categories Nd, Nl and No

}  // namespace graft::text
