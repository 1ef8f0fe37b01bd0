// One pass over the pattern that copies what means the same and rewrites the
// rest. Entry point: translate_oniguruma.
#include "text/oniguruma_pattern_internal.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "text/oniguruma_names_internal.h"
#include "text/regex_internal.h"

namespace graft::text {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)); }

// What stands for a backslash and `c` outside a class; nullopt where PCRE2
// means the same.
std::optional<std::string> rewrite_escape(char c) {
  const std::string space(kSpace);
  const std::string digit(kHexDigit);
  const std::string word = std::string(kWord) + std::string(kLoneWord);
  const std::string edge = "(?:(?<=[" + word + "])(?![" + word + "])|(?<![" +
                           word + "])(?=[" + word + "]))";
  switch (c) {
    case 's':
      return "[" + space + "]";
    case 'S':
      return "[^" + space + "]";
    case 'w':
      return "[" + word + "]";
    case 'W':
      return "[^" + word + "]";
    case 'h':
      return "[" + digit + "]";
    case 'H':
      return "[^" + digit + "]";
    case 'b':
      return edge;
    case 'B':
      return "(?!" + edge + ")";
    case 'v':
      return "\\x0B";
    case 'O':
      return "(?s:.)";
    default:
      return std::nullopt;
  }
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string translate() {
    while (at_ < in_.size()) translate_next();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw PatternError("pattern '" + std::string(in_) + "': " + what +
                       " (byte " + std::to_string(at_) +
                       ") is not supported yet");
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0';
  }
  bool starts_with(std::string_view text) const {
    return in_.substr(at_).starts_with(text);
  }
  void copy(std::size_t count) {
    out_ += in_.substr(at_, count);
    at_ += std::min(count, in_.size() - at_);
  }
  // Copies up to and with the next `end`.
  void copy_through(char end) {
    const std::size_t found = in_.find(end, at_);
    if (found == in_.npos) refuse("an unclosed name");
    copy(found + 1 - at_);
  }

  void translate_next();
  void translate_group();
  void translate_options();
  void translate_repeat();
  void translate_interval();
  void translate_escape();
  void translate_class();
  void translate_inner_class();
  void translate_class_item();
  void translate_class_escape();
  void translate_bracket();
  void translate_property();
  void translate_code_point();
  void translate_backreference();

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = 0;             // where the last atom starts in out_
  std::vector<std::size_t> groups_;  // starts of the open groups in out_
};

void Translator::translate_next() {
  const char c = peek();
  if (c == '*' || c == '+' || c == '?' || c == '{') return translate_repeat();
  if (c == ')') {
    copy(1);
    if (!groups_.empty()) {
      atom_ = groups_.back();
      groups_.pop_back();
    }
    return;
  }
  atom_ = out_.size();
  if (c == '(') return translate_group();
  if (c == '[') return translate_class();
  if (c == '\\') return translate_escape();
  copy(1);
  // The further bytes of one character belong to the same atom.
  while ((static_cast<unsigned char>(peek()) & 0xC0) == 0x80) copy(1);
}

void Translator::translate_group() {
  if (starts_with("(?#")) return copy_through(')');
  if (starts_with("(*")) refuse("'(*'");
  if (peek(1) != '?') {
    groups_.push_back(out_.size());
    return copy(1);
  }
  for (const std::string_view opening :
       {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
    if (!starts_with(opening)) continue;
    groups_.push_back(out_.size());
    return copy(opening.size());
  }
  if (starts_with("(?<")) {
    groups_.push_back(out_.size());
    return copy_through('>');
  }
  translate_options();
}

// "(?i-m:" as it is but for the letter m; "(?i)" only where it can mean but
// one thing, at the very start.
void Translator::translate_options() {
  const std::size_t end = in_.find_first_not_of("im-", at_ + 2);
  const char close = end == in_.npos ? '\0' : in_[end];
  if (close != ':' && !(close == ')' && at_ == 0)) {
    refuse("the group '" + std::string(in_.substr(at_, 4)) + "'");
  }
  std::string options(in_.substr(at_ + 2, end - at_ - 2));
  std::replace(options.begin(), options.end(), 'm', 's');
  if (close == ':') groups_.push_back(out_.size());
  out_ += "(?" + options + close;
  at_ = end + 1;
}

void Translator::translate_repeat() {
  if (peek() == '{') return translate_interval();
  copy(1);
  if (peek() == '?' || peek() == '+') copy(1);
}

void Translator::translate_interval() {
  std::size_t end = at_ + 1;
  while (end < in_.size() && (is_digit(in_[end]) || in_[end] == ',')) ++end;
  const std::string_view inside = in_.substr(at_ + 1, end - at_ - 1);
  const auto commas = std::count(inside.begin(), inside.end(), ',');
  if (end >= in_.size() || in_[end] != '}' || commas > 1 ||
      inside.size() == static_cast<std::size_t>(commas)) {
    atom_ = out_.size();
    out_ += "\\{";
    ++at_;
    return;
  }
  out_ += inside.front() == ',' ? "{0" : "{";
  out_ += inside;
  out_ += '}';
  at_ = end + 1;
  const bool is_lazy_range = peek() == '?' && commas > 0;
  if (is_lazy_range) return copy(1);
  if (peek() != '+' && peek() != '?') return;
  out_.insert(atom_, "(?:");
  out_ += ')';
  copy(1);
}

void Translator::translate_escape() {
  const char c = peek(1);
  if (c == 'p' || c == 'P') return translate_property();
  if (c == 'u' || c == 'x') return translate_code_point();
  if (c == 'k' || c == 'g') return translate_backreference();
  if (const auto rewritten = rewrite_escape(c)) {
    out_ += *rewritten;
    at_ += 2;
    return;
  }
  if (c == '\0') refuse("a backslash at the end");
  constexpr std::string_view kSame = "dDnrtfaeAzZGKRXN";
  if (is_letter(c) && kSame.find(c) == kSame.npos) {
    refuse("the escape '\\" + std::string(1, c) + "'");
  }
  copy(2);
}

void Translator::translate_backreference() {
  if (peek(2) != '<') refuse("the escape '" + std::string(in_.substr(at_, 2)));
  copy_through('>');
}

void Translator::translate_property() {
  const std::size_t close = in_.find('}', at_);
  if (peek(2) != '{' || close == in_.npos) refuse("a property without braces");
  std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
  bool is_negated = peek(1) == 'P';
  if (name.starts_with('^')) {
    is_negated = !is_negated;
    name.remove_prefix(1);
  }
  std::string translated(name);
  if (const auto known = find_property(name)) {
    translated = *known;
  } else if (name.size() > 2) {
    translated = "sc:" + translated;  // not PCRE2's script extensions
  }
  out_ += std::string(is_negated ? "\\P{" : "\\p{") + translated + "}";
  at_ = close + 1;
}

// \uHHHH, \xHH, \x{H...}; a lone byte beyond ASCII has no meaning in UTF-8.
void Translator::translate_code_point() {
  const bool is_braced = peek(1) == 'x' && peek(2) == '{';
  const std::size_t begin = at_ + (is_braced ? 3 : 2);
  const std::size_t limit = is_braced ? 8 : peek(1) == 'u' ? 4 : 2;
  std::size_t end = begin;
  while (end < in_.size() && end - begin < limit &&
         std::isxdigit(static_cast<unsigned char>(in_[end]))) {
    ++end;
  }
  const std::string digits(in_.substr(begin, end - begin));
  const bool is_byte = peek(1) == 'x' && !is_braced;
  const bool is_complete =
      is_braced        ? !digits.empty() && end < in_.size() && in_[end] == '}'
      : peek(1) == 'u' ? digits.size() == 4
                       : !digits.empty();
  if (!is_complete ||
      (is_byte && std::strtoul(digits.c_str(), nullptr, 16) > 0x7F)) {
    refuse("the escape '" + std::string(in_.substr(at_, 4)) + "'");
  }
  out_ += "\\x{" + digits + "}";
  at_ = end + (is_braced ? 1 : 0);
}

void Translator::translate_class() {
  copy(1);
  if (peek() == '^') copy(1);
  if (peek() == ']') {
    out_ += "\\]";
    ++at_;
  }
  while (at_ < in_.size() && peek() != ']') translate_class_item();
  if (at_ == in_.size()) refuse("an unclosed class");
  copy(1);
}

// A class inside a class adds what it holds.
void Translator::translate_inner_class() {
  if (peek(1) == '^' || peek(1) == ']') refuse("such a class inside a class");
  ++at_;
  while (at_ < in_.size() && peek() != ']') translate_class_item();
  if (at_ == in_.size()) refuse("an unclosed class");
  ++at_;
  if (peek() == '-') out_ += '\\';
}

void Translator::translate_class_item() {
  if (starts_with("&&")) refuse("an intersection of classes");
  if (starts_with("[:")) return translate_bracket();
  if (peek() == '[') return translate_inner_class();
  if (peek() == '\\') return translate_class_escape();
  copy(1);
}

void Translator::translate_bracket() {
  const std::size_t close = in_.find(":]", at_);
  const std::string_view name =
      close == in_.npos ? "" : in_.substr(at_ + 2, close - at_ - 2);
  const auto known = find_posix_bracket(name);
  if (!known) refuse("the bracket '[:" + std::string(name) + "'");
  out_ += *known;
  at_ = close + 2;
  if (peek() == '-') out_ += '\\';
}

void Translator::translate_class_escape() {
  const char c = peek(1);
  if (c == 'p' || c == 'P') return translate_property();
  if (c == 'u' || c == 'x') return translate_code_point();
  std::string_view set;
  switch (c) {
    case 's':
      set = kSpace;
      break;
    case 'S':
      set = "\\S\\x{180E}";
      break;
    case 'w':
      set = kWord;
      break;
    case 'h':
      set = kHexDigit;
      break;
    case 'b':
      set = "\\x08";
      break;
    case 'v':
      set = "\\x0B";
      break;
    default:
      break;
  }
  if (!set.empty()) {
    out_ += set;
    at_ += 2;
    // A hyphen after a set is itself, never a range.
    if (peek() == '-' && c != 'b' && c != 'v') out_ += '\\';
    return;
  }
  constexpr std::string_view kSame = "dDnrtfae";
  if (c == '\0' || (is_letter(c) && kSame.find(c) == kSame.npos)) {
    refuse("the escape '" + std::string(in_.substr(at_, 2)) + "' in a class");
  }
  copy(2);
}

}  // namespace

std::string translate_oniguruma(std::string_view pattern) {
  return Translator(pattern).translate();
}

}  // namespace graft::text
