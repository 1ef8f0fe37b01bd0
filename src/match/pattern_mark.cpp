// Excerpts of patterns for messages.
#include "match/pattern_mark_internal.h"

#include <algorithm>

#include "match/utf8_internal.h"

namespace graft {
namespace {

constexpr std::size_t kAround = 30;   // characters before and after the caret
constexpr std::size_t kQuoted = 200;  // bytes of a pattern between quotes

bool is_continuation(char c) { return (c & 0xC0) == 0x80; }

// The nearest start of a character at or before `at`.
std::size_t character_start(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && is_continuation(text[at])) --at;
  return at;
}

// Appends text[from, to) with one column for each character; returns how many.
std::size_t append_columns(std::string_view text, std::size_t from,
                           std::size_t to, std::string& out) {
  std::size_t columns = 0;
  for (std::size_t at = from; at < to; ++columns) {
    const CodePoint point = decode_code_point(text, at);
    const bool shown =
        point.value >= 0x20 && point.value != 0x7F && point.value < 0x110000;
    if (shown) {
      out.append(text.substr(at, point.size));
    } else {
      out += '.';
    }
    at += point.size;
  }
  return columns;
}

}  // namespace

std::string marked_pattern(std::string_view pattern, std::size_t at) {
  at = std::min(at, pattern.size());
  std::size_t from = at;
  for (std::size_t i = 0; i < kAround && from > 0; ++i) {
    from = character_start(pattern, from - 1);
  }
  std::size_t to = at;
  for (std::size_t i = 0; i < kAround && to < pattern.size(); ++i) {
    to += decode_code_point(pattern, to).size;
  }
  std::string out = "\n    ";
  std::string carets = "\n    ";
  if (from > 0) {
    out += "...";
    carets += "   ";
  }
  carets.append(append_columns(pattern, from, at, out), ' ');
  append_columns(pattern, at, to, out);
  if (to < pattern.size()) out += "...";
  return out + carets + '^';
}

std::string quoted_pattern(std::string_view pattern) {
  std::string out(1, '\'');
  if (pattern.size() <= kQuoted) return out.append(pattern) + '\'';
  const std::size_t half = kQuoted / 2;
  const std::size_t tail = character_start(pattern, pattern.size() - half);
  out.append(pattern.substr(0, character_start(pattern, half)));
  out.append("...").append(pattern.substr(tail));
  return out + "' (" + std::to_string(pattern.size()) + " bytes)";
}

}  // namespace graft
