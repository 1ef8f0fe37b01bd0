// Tokens that stand for one byte: "<0x0A>". Entry points: fallback_token,
// fallback_byte. Private to text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graft::text {

inline std::string fallback_token(std::uint8_t byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

// Digits of either case, as the reference reads them; nullopt for another
// token.
inline std::optional<std::uint8_t> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char c : token.substr(3, 2)) {
    value *= 16;
    if (c >= '0' && c <= '9') {
      value += static_cast<unsigned>(c - '0');
    } else if ((c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f')) {
      value += 10 + static_cast<unsigned>((c | 0x20) - 'a');
    } else {
      return std::nullopt;
    }
  }
  return static_cast<std::uint8_t>(value);
}

}  // namespace graft::text
