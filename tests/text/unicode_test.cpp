// UTF-8 with its damaged forms, and the character properties.
#include "text/unicode_internal.h"

#include <gtest/gtest.h>

#include <utility>

#include "text/byte_level_internal.h"
#include "text/unicode_age_internal.h"

namespace graft::text {
namespace {

constexpr const char* kMark = "\xEF\xBF\xBD";

// Rust's String::from_utf8_lossy, which the reference decodes with.
TEST(Unicode, ReplacesEveryMaximalInvalidPart) {
  const std::string mark = kMark;
  const std::pair<std::string, std::string> rows[] = {
      {"plain", "plain"},
      {std::string("\0", 1), std::string("\0", 1)},
      {"\xC3\xA9\xF0\x9F\x9A\xA2", "\xC3\xA9\xF0\x9F\x9A\xA2"},
      {"\x80", mark},
      {"\xFF\xFE", mark + mark},
      {"\xC3", mark},
      {"\xC3(", mark + "("},
      {"\xE2\x82", mark},
      {"\xE2\x82z", mark + "z"},
      {"\xF0\x9F\x9A", mark},
      {"\xF0\x9F\x9A\xF0\x9F\x9A\xA2", mark + "\xF0\x9F\x9A\xA2"},
      {"\xC0\xAF", mark + mark},
      {"\xE0\x80\xAF", mark + mark + mark},
      {"\xED\xA0\x80", mark + mark + mark},
      {"\xF4\x90\x80\x80", mark + mark + mark + mark},
      {"\xF5\x80", mark + mark},
  };
  for (const auto& [bytes, expected] : rows) {
    EXPECT_EQ(replace_invalid_utf8(bytes), expected);
    EXPECT_EQ(is_valid_utf8(bytes), bytes == expected);
  }
}

TEST(Unicode, DecodesWhatItAppends) {
  for (const char32_t value :
       {0x0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x10000, 0x10FFFF}) {
    std::string text = "x";
    append_utf8(text, value);
    EXPECT_EQ(decode_char(text, 1).value, value);
    EXPECT_EQ(decode_char(text, 1).length, text.size() - 1);
    EXPECT_EQ(previous_char(text, text.size()), 1u);
    EXPECT_TRUE(is_valid_utf8(text));
  }
}

TEST(Unicode, KnowsProperties) {
  for (const char32_t c : {0x9, 0xD, 0x20, 0x85, 0xA0, 0x2029, 0x3000}) {
    EXPECT_TRUE(is_white_space(c)) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x8, 0xE, 0x180E, 0x200B, 0xFEFF}) {
    EXPECT_FALSE(is_white_space(c)) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x41, 0x5F, 0x39, 0x301, 0x200D, 0x24B6, 0x2160}) {
    EXPECT_TRUE(is_word(c)) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x2D, 0xB2, 0x2460, 0x20}) {
    EXPECT_FALSE(is_word(c)) << std::hex << static_cast<unsigned>(c);
  }
  for (const char32_t c : {0x30, 0xB2, 0x2167, 0x2460, 0x664}) {
    EXPECT_TRUE(is_numeric(c)) << std::hex << static_cast<unsigned>(c);
  }
  EXPECT_FALSE(is_numeric(0x4E00));
}

TEST(UnicodeAge, NamesWhatTheReferenceDoesNotKnow) {
  for (const char32_t c : {0x7FD, 0x32FF, 0x11930, 0x1FBF9}) {
    EXPECT_TRUE(is_newer_than_reference(c));
  }
  for (const char32_t c : {0x301, 0x7FC, 0x3300, 0x10FFFF}) {
    EXPECT_FALSE(is_newer_than_reference(c));
  }
}

TEST(ByteLevel, ReadsBackEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  std::string token;
  append_byte_level(token, bytes);
  EXPECT_TRUE(is_valid_utf8(token));
  std::string back = "before";
  append_token_bytes(back, token);
  EXPECT_EQ(back, "before" + bytes);
}

TEST(ByteLevel, KeepsTokensOutsideTheAlphabet) {
  std::string out;
  append_token_bytes(out, "\xC4\xA0 x");  // the character of space, and space
  EXPECT_EQ(out, "\xC4\xA0 x");
}

}  // namespace
}  // namespace graft::text
