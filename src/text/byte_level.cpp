// Bytes that print stand for themselves; the others, in order, are the
// characters from U+0100 on.
#include "text/byte_level_internal.h"

#include <array>
#include <cstdint>

#include "text/unicode_internal.h"

namespace graft::text {
namespace {

constexpr char32_t kAlphabetEnd = 0x100 + 68;

constexpr bool is_printed(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
         byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> chars{};
  std::array<std::int16_t, kAlphabetEnd> bytes{};  // -1: not in the alphabet
};

constexpr Alphabet make_alphabet() {
  Alphabet out;
  for (auto& byte : out.bytes) byte = -1;
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    out.chars[byte] = is_printed(byte) ? byte : next++;
    out.bytes[out.chars[byte]] = static_cast<std::int16_t>(byte);
  }
  return out;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

void append_byte_level(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) {
    append_utf8(out, kAlphabet.chars[static_cast<unsigned char>(byte)]);
  }
}

void append_token_bytes(std::string& out, std::string_view token) {
  const std::size_t start = out.size();
  for (std::size_t at = 0; at < token.size();) {
    const DecodedChar next = decode_char(token, at);
    if (next.value >= kAlphabetEnd || kAlphabet.bytes[next.value] < 0) {
      out.resize(start);
      out += token;
      return;
    }
    out += static_cast<char>(kAlphabet.bytes[next.value]);
    at += next.length;
  }
}

}  // namespace graft::text
