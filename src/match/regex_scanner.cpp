// Reads single characters, escapes and bracket classes of Python's `re`.
#include "match/regex_scanner_internal.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "graft/base/error.h"
#include "match/pattern_mark_internal.h"
#include "match/pattern_regex_internal.h"
#include "match/utf8_internal.h"

namespace graft {
namespace {

constexpr char32_t kEnd = 0x110000;

// The code points that str.isspace() takes.
constexpr const char* kSpaceBody =
    "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
    "\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";

bool is_class_letter(char32_t c) {
  return std::u32string_view(U"dDwWsS").find(c) != std::u32string_view::npos;
}

bool is_upper(char32_t letter) { return letter < U'a'; }

char32_t take_hex(RegexScanner& scanner, std::size_t digits) {
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const char32_t c = scanner.peek();
    const char32_t lower = c | 0x20;
    const bool hex = is_ascii_digit(c) || (lower >= U'a' && lower <= U'f');
    if (!hex) scanner.fail("incomplete escape");
    value = value * 16 + (is_ascii_digit(c) ? c - U'0' : lower - U'a' + 10);
    scanner.take();
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    scanner.fail("bad escape: no such character");
  }
  return value;
}

RegexEscape literal(char32_t value) {
  return {RegexEscape::Kind::kLiteral, value, 0};
}

// \0 and \012, \1 .. \99, \123. `first` was taken.
RegexEscape take_number_escape(RegexScanner& scanner, char32_t first,
                               bool in_class) {
  const auto octal = [&scanner](char32_t start, int more) {
    char32_t value = start - U'0';
    for (; more > 0 && is_octal_digit(scanner.peek()); --more) {
      value = value * 8 + (scanner.take() - U'0');
    }
    if (value > 0377) scanner.fail("octal escape outside of 0-0377");
    return literal(value);
  };
  if (in_class && !is_octal_digit(first)) scanner.fail("bad escape");
  if (first == U'0' || in_class) return octal(first, 2);
  const char32_t second = scanner.peek();
  if (!is_ascii_digit(second)) {
    return {RegexEscape::Kind::kReference, 0, first - U'0'};
  }
  if (is_octal_digit(first) && is_octal_digit(second) &&
      is_octal_digit(scanner.peek(1))) {
    return octal(first, 2);
  }
  scanner.take();
  return {RegexEscape::Kind::kReference, 0,
          (first - U'0') * 10 + (second - U'0')};
}

std::optional<char32_t> control_escape(char32_t c, bool in_class) {
  switch (c) {
    case U'a':
      return U'\a';
    case U'f':
      return U'\f';
    case U'n':
      return U'\n';
    case U'r':
      return U'\r';
    case U't':
      return U'\t';
    case U'v':
      return U'\v';
    case U'b':
      if (in_class) return U'\b';
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::size_t> hex_length(char32_t c) {
  if (c == U'x') return 2;
  if (c == U'u') return 4;
  if (c == U'U') return 8;
  return std::nullopt;
}

// One end of a range between brackets, or a class escape.
struct ClassMember {
  bool is_class = false;
  char32_t value = 0;
};

ClassMember take_member(RegexScanner& scanner) {
  if (scanner.done()) scanner.fail("unterminated character set");
  const char32_t c = scanner.take();
  if (c != U'\\') return {false, c};
  const RegexEscape escape = take_escape(scanner, true);
  return {escape.kind == RegexEscape::Kind::kClass, escape.value};
}

std::string range_text(char32_t first, char32_t last) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "\\x{%x}-\\x{%x}",
                static_cast<unsigned>(first), static_cast<unsigned>(last));
  return text.data();
}

// The byte at which code point number `point` begins.
std::size_t offset_of_point(std::string_view text, std::size_t point) {
  std::size_t at = 0;
  for (; point > 0 && at < text.size(); --point) {
    at += decode_code_point(text, at).size;
  }
  return at;
}

// The byte of a megatron pattern that code point number `point` of its
// expression comes from.
std::size_t star_offset(std::string_view entry, std::size_t point) {
  std::size_t read = 1;  // the anchor
  std::size_t at = 0;
  while (at < entry.size()) {
    read += entry[at] == '*' ? std::string_view("(.*)").size() : 1;
    if (read > point) break;
    at += decode_code_point(entry, at).size;
  }
  return at;
}

// Letters that Python takes for one when case is ignored and PCRE2 does not:
// the dotted and dotless i, and pairs that differ in their full case folding.
constexpr std::array<std::u32string_view, 4> kCaseFamilies{
    U"Ii\u0130\u0131", U"\u0390\u1fd3", U"\u03b0\u1fe3", U"\ufb05\ufb06"};

// The families with a letter in the range, as class members.
std::string case_families(char32_t first, char32_t last) {
  std::string out;
  for (const std::u32string_view family : kCaseFamilies) {
    const bool touched = std::any_of(
        family.begin(), family.end(),
        [&](char32_t letter) { return first <= letter && letter <= last; });
    if (!touched) continue;
    for (const char32_t letter : family) out += range_text(letter, letter);
  }
  return out;
}

// Members of one bracket class: a body for [...] plus classes that only a
// negated bracket of their own can say (\D, \W, \S).
struct ClassBody {
  RegexFlags flags;
  std::string body;
  std::vector<std::string> others;

  void add(ClassMember member) {
    if (!member.is_class) {
      add_range(member.value, member.value);
    } else if (is_upper(member.value)) {
      others.push_back(class_text(member.value, flags.ascii));
    } else {
      body += class_body(member.value, flags.ascii);
    }
  }

  void add_range(char32_t first, char32_t last) {
    body += range_text(first, last);
    if (flags.ignore_case) body += case_families(first, last);
  }

  std::string text(bool negated) const {
    if (others.empty()) return (negated ? "[^" : "[") + body + "]";
    std::string any;
    if (!body.empty()) any = "[" + body + "]";
    for (const std::string& other : others) {
      if (!any.empty()) any += '|';
      any += other;
    }
    return negated ? "(?:(?!" + any + ")(?s:.))" : "(?:" + any + ")";
  }
};

}  // namespace

std::string regex_label(std::string_view pattern, std::string_view entry) {
  std::string out = "regular expression " + quoted_pattern(pattern);
  if (entry == pattern) return out;
  return quoted_pattern(entry) + " (" + out + ")";
}

RegexScanner::RegexScanner(std::string_view pattern, std::string_view entry)
    : label_(regex_label(pattern, entry)), pattern_(pattern), entry_(entry) {
  std::optional<std::vector<char32_t>> points = decode_utf8(pattern);
  if (!points) fail("it is not UTF-8");
  points_ = std::move(*points);
}

char32_t RegexScanner::peek(std::size_t ahead) const {
  return at_ + ahead < points_.size() ? points_[at_ + ahead] : kEnd;
}

char32_t RegexScanner::take() { return points_[at_++]; }

bool RegexScanner::take_if(char32_t expected) {
  if (peek() != expected) return false;
  ++at_;
  return true;
}

std::string RegexScanner::take_digits() {
  std::string out;
  while (is_ascii_digit(peek())) out += static_cast<char>(take());
  return out;
}

std::string RegexScanner::take_until(char32_t end, const std::string& what) {
  std::string out;
  while (!done() && peek() != end) append_utf8(take(), out);
  if (done()) fail(what);
  take();
  return out;
}

void RegexScanner::fail(const std::string& problem) const {
  const bool of_stars =
      pattern_ != entry_ && pattern_ == megatron_regex(entry_);
  throw ConfigError(ErrorText{
      .operation = "match",
      .what = label_ + " is malformed: " + problem + " at position " +
              std::to_string(at_) +
              (of_stars ? marked_pattern(entry_, star_offset(entry_, at_))
                        : marked_pattern(pattern_,
                                         offset_of_point(pattern_, at_)))});
}

void RegexScanner::refuse(const std::string& construct) const {
  throw ConfigError(ErrorText{.operation = "match",
                              .what = label_ + " uses " + construct +
                                      ", which graft does not support"});
}

bool is_ascii_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_octal_digit(char32_t c) { return c >= U'0' && c <= U'7'; }
bool is_ascii_letter(char32_t c) {
  return c < 0x80 && (c | 0x20) >= U'a' && (c | 0x20) <= U'z';
}

std::string regex_literal(char32_t value, RegexFlags flags) {
  if (flags.ignore_case) {
    const std::string family = case_families(value, value);
    if (!family.empty()) return "[" + family + "]";
  }
  std::string out;
  const bool plain = value >= 0x80 || value == U'_' || is_ascii_digit(value) ||
                     is_ascii_letter(value);
  if (plain) {
    append_utf8(value, out);
    return out;
  }
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "\\x{%x}",
                static_cast<unsigned>(value));
  return text.data();
}

RegexEscape take_escape(RegexScanner& scanner, bool in_class) {
  if (scanner.done()) scanner.fail("bad escape (end of pattern)");
  const char32_t c = scanner.take();
  if (is_ascii_digit(c)) return take_number_escape(scanner, c, in_class);
  if (is_class_letter(c)) return {RegexEscape::Kind::kClass, c, 0};
  if (const auto control = control_escape(c, in_class)) {
    return literal(*control);
  }
  if (const auto length = hex_length(c)) {
    return literal(take_hex(scanner, *length));
  }
  if (c == U'N') scanner.refuse("a character by name (\\N)");
  const std::u32string_view positions = U"AbBZ";
  if (!in_class && positions.find(c) != std::u32string_view::npos) {
    return {RegexEscape::Kind::kPosition, c, 0};
  }
  if (is_ascii_letter(c)) scanner.fail("bad escape");
  return literal(c);
}

std::string class_body(char32_t letter, bool ascii) {
  switch (letter | 0x20) {
    case U'd':
      return ascii ? "0-9" : "\\p{Nd}";
    case U'w':
      return ascii ? "0-9A-Z_a-z" : "\\p{L}\\p{N}_";
    default:
      return ascii ? "\\x{9}-\\x{d}\\x{20}" : kSpaceBody;
  }
}

std::string class_text(char32_t letter, bool ascii) {
  return (is_upper(letter) ? "[^" : "[") + class_body(letter, ascii) + "]";
}

std::string take_class(RegexScanner& scanner, RegexFlags flags) {
  const bool negated = scanner.take_if(U'^');
  ClassBody body{flags, {}, {}};
  for (bool first = true; first || scanner.peek() != U']'; first = false) {
    const ClassMember low = take_member(scanner);
    const bool range = scanner.peek() == U'-' && scanner.peek(1) != U']';
    if (!range) {
      body.add(low);
      continue;
    }
    scanner.take();
    const ClassMember high = take_member(scanner);
    if (low.is_class || high.is_class || high.value < low.value) {
      scanner.fail("bad character range");
    }
    body.add_range(low.value, high.value);
  }
  scanner.take();
  return body.text(negated);
}

}  // namespace graft
