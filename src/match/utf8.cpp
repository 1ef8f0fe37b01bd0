// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
#include "match/utf8_internal.h"

namespace graft {
namespace {

constexpr char32_t kInvalidByte = 0x110000;

struct Lead {
  std::size_t size;
  char32_t bits;
  char32_t lowest;
};

std::optional<Lead> lead_of(unsigned char byte) {
  if (byte < 0x80) return Lead{1, byte, 0};
  if ((byte & 0xE0) == 0xC0) return Lead{2, byte & 0x1Fu, 0x80};
  if ((byte & 0xF0) == 0xE0) return Lead{3, byte & 0x0Fu, 0x800};
  if ((byte & 0xF8) == 0xF0) return Lead{4, byte & 0x07u, 0x10000};
  return std::nullopt;
}

}  // namespace

CodePoint decode_code_point(std::string_view text, std::size_t position) {
  const auto first = static_cast<unsigned char>(text[position]);
  const CodePoint invalid{kInvalidByte + first, 1};
  const std::optional<Lead> lead = lead_of(first);
  if (!lead || position + lead->size > text.size()) return invalid;
  char32_t value = lead->bits;
  for (std::size_t i = 1; i < lead->size; ++i) {
    const auto byte = static_cast<unsigned char>(text[position + i]);
    if ((byte & 0xC0) != 0x80) return invalid;
    value = (value << 6) | (byte & 0x3Fu);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < lead->lowest || value > 0x10FFFF || surrogate) return invalid;
  return {value, lead->size};
}

std::optional<std::vector<char32_t>> decode_utf8(std::string_view text) {
  std::vector<char32_t> out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = decode_code_point(text, at);
    if (point.value >= kInvalidByte) return std::nullopt;
    out.push_back(point.value);
    at += point.size;
  }
  return out;
}

void append_utf8(char32_t value, std::string& out) {
  if (value < 0x80) {
    out += static_cast<char>(value);
    return;
  }
  const int more = value < 0x800 ? 1 : value < 0x10000 ? 2 : 3;
  constexpr unsigned kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[more] | (value >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) {
    out += static_cast<char>(0x80 | ((value >> (6 * i)) & 0x3F));
  }
}

}  // namespace graft
