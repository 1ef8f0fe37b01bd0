// The text of a regular expression while it is read, and what one read part
// became. Entry points: RegexScanner, RegexPart. Private to python_regex*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// No width or count above this: PCRE2's own limit on repeats.
constexpr std::uint64_t kUnlimited = UINT64_MAX;

// Translated text with what Python knows of it while parsing.
struct RegexPart {
  enum class Kind { kItem, kPosition, kRepeat };
  std::string text;
  Kind kind = Kind::kItem;
  std::uint64_t min_width = 0;  // code points
  std::uint64_t max_width = 0;
};

class RegexScanner {
 public:
  RegexScanner(std::string_view pattern, std::string_view entry);

  bool done() const { return at_ == points_.size(); }
  // The next code point; 0x110000 at the end.
  char32_t peek(std::size_t ahead = 0) const;
  char32_t take();
  bool take_if(char32_t expected);
  // Decimal digits (ASCII) from here on; may be empty.
  std::string take_digits();
  // All up to `end`, which is taken too. Fails with `what` at the end.
  std::string take_until(char32_t end, const std::string& what);
  std::size_t position() const { return at_; }
  void seek(std::size_t position) { at_ = position; }

  [[noreturn]] void fail(const std::string& problem) const;
  [[noreturn]] void refuse(const std::string& construct) const;

 private:
  std::string label_;
  // Of the caller, who keeps them while the pattern is read.
  std::string_view pattern_;
  std::string_view entry_;
  std::vector<char32_t> points_;
  std::size_t at_ = 0;
};

bool is_ascii_digit(char32_t c);
bool is_octal_digit(char32_t c);
bool is_ascii_letter(char32_t c);

// How an expression is called in errors: itself, or the entry it is made from.
std::string regex_label(std::string_view pattern, std::string_view entry);

// Flags that change what is written; PCRE2 sees the others.
struct RegexFlags {
  bool verbose = false;
  bool ascii = false;
  bool ignore_case = false;
};

// One code point as a literal of PCRE2.
std::string regex_literal(char32_t value, RegexFlags flags);

// What a backslash stands for.
struct RegexEscape {
  enum class Kind { kLiteral, kClass, kPosition, kReference };
  Kind kind = Kind::kLiteral;
  char32_t value = 0;         // literal; class or position letter
  std::size_t reference = 0;  // group number
};
// After a backslash. `in_class`: between brackets.
RegexEscape take_escape(RegexScanner& scanner, bool in_class);

// The body of [...] for \d, \w or \s (lower case) as Python defines them.
std::string class_body(char32_t letter, bool ascii);
// `\d` .. `\W` alone.
std::string class_text(char32_t letter, bool ascii);
// After an opening bracket: the whole class.
std::string take_class(RegexScanner& scanner, RegexFlags flags);

}  // namespace graft
