// The rules of Jinja's lexer, state by state.
#include "text/jinja_lexer_internal.h"

#include <algorithm>
#include <utility>

#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

constexpr auto kNone = std::string_view::npos;

// \r\n and \r are \n; one line break at the very end is dropped.
std::string normalize_lines(std::string_view source) {
  std::string out;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex_digit(char c) {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_root();
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const {
    return std::string_view(source_).substr(at_);
  }
  void add(TokenKind kind, std::string_view text) {
    tokens_.push_back({kind, std::string(text), line_});
  }
  void advance(std::size_t count) {
    const auto passed = rest().substr(0, count);
    line_ += static_cast<int>(std::ranges::count(passed, '\n'));
    if (!passed.empty()) line_starting_ = passed.back() == '\n';
    at_ += passed.size();
  }
  [[noreturn]] void fail(const std::string& what, const std::string& got = "",
                         const std::string& expected = "") const {
    throw SyntaxFault{line_, what, got, expected};
  }

  std::size_t space_at(std::size_t from) const {
    std::size_t at = from;
    while (at < source_.size()) {
      const DecodedChar next = decode_char(source_, at);
      if (!python::is_space(next.value)) break;
      at += next.length;
    }
    return at - from;
  }

  // Text up to `end`, cut as the tag behind it (its sign, its kind) says.
  void add_data(std::size_t end, char sign, bool is_variable) {
    std::string_view text = rest().substr(0, end - at_);
    if (sign == '-') {
      text = python::strip(text, {false, true});
    } else if (sign != '+' && !is_variable) {
      const std::size_t line = text.rfind('\n') + 1;
      const auto last = text.substr(line);
      if ((line > 0 || line_starting_) && python::strip(last).empty()) {
        text = text.substr(0, line);
      }
    }
    if (!text.empty()) add(TokenKind::kData, text);
    advance(end - at_);
  }

  static char sign_of(std::string_view text, std::size_t at) {
    return at < text.size() && (text[at] == '-' || text[at] == '+') ? text[at]
                                                                    : ' ';
  }

  void read_root() {
    std::size_t begin = at_;
    while (true) {
      begin = source_.find('{', begin);
      if (begin == kNone || begin + 1 >= source_.size()) {
        add(TokenKind::kData, rest());
        advance(source_.size() - at_);
        return;
      }
      const char kind = source_[begin + 1];
      if (kind == '%' || kind == '{' || kind == '#') break;
      ++begin;
    }
    const char kind = source_[begin + 1];
    const char sign = sign_of(source_, begin + 2);
    add_data(begin, sign, kind == '{');
    if (kind == '%' && read_raw()) return;
    advance(sign == ' ' ? 2 : 3);
    if (kind == '#') return skip_comment();
    add(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, "");
    kind == '%' ? read_tag("%}", TokenKind::kBlockEnd)
                : read_tag("}}", TokenKind::kVariableEnd);
  }

  // The end of a tag at `at_`, if it is one: its length with what it trims.
  std::size_t end_length(std::string_view mark, bool trims_line) const {
    const char sign = sign_of(source_, at_);
    const bool may_sign = sign == '-' || (sign == '+' && trims_line);
    const std::size_t lead = sign != ' ' && may_sign ? 1 : 0;
    if (!rest().substr(lead).starts_with(mark)) return 0;
    const std::size_t length = lead + mark.size();
    if (lead == 1 && sign == '-') return length + space_at(at_ + length);
    const bool line_break =
        trims_line && lead == 0 && rest().substr(length).starts_with('\n');
    return length + (line_break ? 1 : 0);
  }

  void skip_comment() {
    const std::size_t mark = source_.find("#}", at_);
    if (mark == kNone) fail("a comment is not closed", "", "'#}'");
    const bool has_sign = mark > at_ && sign_of(source_, mark - 1) != ' ';
    advance(mark - at_ - (has_sign ? 1 : 0));
    advance(end_length("#}", true));
  }

  // The length of "{%- name -%}" at `at`, or 0; `closing` trims as a block's
  // end does.
  std::size_t word_tag(std::size_t at, std::string_view name, bool closing) {
    std::size_t end = at + 2 + (sign_of(source_, at + 2) == ' ' ? 0 : 1);
    end += space_at(end);
    if (source_.compare(end, name.size(), name) != 0) return 0;
    end += name.size();
    end += space_at(end);
    const std::size_t here = std::exchange(at_, end);
    const std::size_t length = end_length("%}", closing);
    at_ = here;
    return length == 0 ? 0 : end + length - at;
  }

  bool read_raw() {
    const std::size_t length = word_tag(at_, "raw", false);
    if (length == 0) return false;
    advance(length);
    for (std::size_t end = source_.find("{%", at_); end != kNone;
         end = source_.find("{%", end + 1)) {
      const std::size_t tag = word_tag(end, "endraw", true);
      if (tag == 0) continue;
      add_data(end, sign_of(source_, end + 2), false);
      advance(tag);
      return true;
    }
    fail("a raw block is not closed", "", "'{% endraw %}'");
  }

  void read_tag(std::string_view mark, TokenKind end) {
    std::string open;  // brackets
    while (at_ < source_.size()) {
      const bool is_block = end == TokenKind::kBlockEnd;
      const std::size_t length = open.empty() ? end_length(mark, is_block) : 0;
      if (length > 0) {
        add(end, "");
        return advance(length);
      }
      if (const std::size_t space = space_at(at_)) {
        advance(space);
      } else {
        read_token(open);
      }
    }
    fail("a tag is not closed", "end of template",
         "'" + std::string(mark) + "'");
  }

  void read_token(std::string& open) {
    const char c = source_[at_];
    if (is_digit(c)) return read_number();
    if (c == '\'' || c == '"') return read_string(c);
    const DecodedChar first = decode_char(source_, at_);
    if (is_word(first.value)) return read_name();
    read_operator(open);
  }

  void read_name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const DecodedChar next = decode_char(source_, end);
      if (!is_word(next.value)) break;
      end += next.length;
    }
    add(TokenKind::kName, rest().substr(0, end - at_));
    advance(end - at_);
  }

  void read_string(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) {
      end += source_[end] == '\\' ? 2 : 1;
    }
    if (end >= source_.size()) {
      fail("a string is not closed", std::string(rest().substr(0, 20)),
           std::string(1, quote));
    }
    const std::string_view inside = rest().substr(1, end - at_ - 1);
    add(TokenKind::kString, unescape(inside, line_));
    advance(end + 1 - at_);
  }

  // Digits with single underscores between them.
  std::size_t digits_at(std::size_t at, bool (*accepts)(char)) const {
    std::size_t end = at;
    while (end < source_.size()) {
      const bool joins = source_[end] == '_' && end > at;
      const std::size_t digit = end + (joins ? 1 : 0);
      if (digit >= source_.size() || !accepts(source_[digit])) break;
      end = digit + 1;
    }
    return end - at;
  }

  std::size_t exponent_at(std::size_t at) const {
    if (at >= source_.size() || (source_[at] | 0x20) != 'e') return 0;
    const std::size_t sign = sign_of(source_, at + 1) == ' ' ? 0 : 1;
    const std::size_t digits = digits_at(at + 1 + sign, is_digit);
    return digits == 0 ? 0 : 1 + sign + digits;
  }

  void read_number() {
    const std::size_t whole = digits_at(at_, is_digit);
    std::size_t length = whole;
    const bool follows_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (!follows_dot) {
      if (rest().substr(length).starts_with('.')) {
        const std::size_t part = digits_at(at_ + length + 1, is_digit);
        if (part > 0) length += 1 + part;
      }
      length += exponent_at(at_ + length);
    }
    if (length > whole) {
      add(TokenKind::kFloat, without_underscores(length));
      return advance(length);
    }
    read_integer(whole);
  }

  void read_integer(std::size_t decimal) {
    const char mark = at_ + 1 < source_.size()
                          ? static_cast<char>(source_[at_ + 1] | 0x20)
                          : ' ';
    std::size_t length = decimal;
    if (source_[at_] == '0' && (mark == 'x' || mark == 'o' || mark == 'b')) {
      const std::size_t lead =
          at_ + 2 < source_.size() && source_[at_ + 2] == '_' ? 3 : 2;
      const std::size_t digits =
          digits_at(at_ + lead, [](char c) { return is_hex_digit(c); });
      if (digits > 0) length = lead + digits;
    }
    add(TokenKind::kInteger, without_underscores(length));
    advance(length);
  }

  std::string without_underscores(std::size_t length) const {
    std::string out(rest().substr(0, length));
    std::erase(out, '_');
    return out;
  }

  void read_operator(std::string& open) {
    static constexpr std::string_view kOperators[] = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
    for (const std::string_view op : kOperators) {
      if (!rest().starts_with(op)) continue;
      balance(op[0], open);
      add(TokenKind::kOperator, op);
      return advance(op.size());
    }
    fail("a character that no expression has",
         std::string(rest().substr(0, decode_char(source_, at_).length)));
  }

  void balance(char c, std::string& open) const {
    constexpr std::string_view kOpening = "([{";
    constexpr std::string_view kClosing = ")]}";
    if (const auto found = kOpening.find(c); found != kNone) {
      open += kClosing[found];
    } else if (kClosing.find(c) != kNone) {
      if (open.empty() || open.back() != c) {
        fail("a bracket that does not fit", std::string(1, c),
             open.empty() ? "" : std::string(1, open.back()));
      }
      open.pop_back();
    }
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::string Token::describe() const {
  switch (kind) {
    case TokenKind::kData:
      return "template text";
    case TokenKind::kVariableBegin:
      return "'{{'";
    case TokenKind::kVariableEnd:
      return "'}}'";
    case TokenKind::kBlockBegin:
      return "'{%'";
    case TokenKind::kBlockEnd:
      return "'%}'";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kEnd:
      return "end of template";
    default:
      return "'" + text + "'";
  }
}

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(normalize_lines(source)).run();
}

}  // namespace graft::text::jinja
