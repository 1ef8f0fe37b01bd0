// The escapes of a quoted string of a template.
#include <algorithm>
#include <cctype>

#include "text/jinja_lexer_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

bool is_hex_digit(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

// The value of a quoted string, with Python's escapes.
class Unescaper {
 public:
  Unescaper(std::string_view text, int line) : text_(text), line_(line) {}

  std::string run() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '\\' || at_ == text_.size()) {
        out_ += c;
      } else {
        escape(text_[at_++]);
      }
    }
    return std::move(out_);
  }

 private:
  void escape(char c) {
    constexpr std::string_view kLetters = "\\'\"abfnrtv";
    constexpr std::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
    if (const auto found = kLetters.find(c); found != std::string_view::npos) {
      out_ += kValues[found];
    } else if (c >= '0' && c <= '7') {
      octal(c);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      hexadecimal(c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
      fail("escapes by name (\\N{...}) are not supported");
    } else if (c != '\n') {
      out_ += '\\';
      out_ += c;
    }
  }

  void octal(char first) {
    char32_t value = static_cast<char32_t>(first - '0');
    for (int i = 0; i < 2 && at_ < text_.size(); ++i) {
      if (text_[at_] < '0' || text_[at_] > '7') break;
      value = value * 8 + static_cast<char32_t>(text_[at_++] - '0');
    }
    append_utf8(out_, value);
  }

  void hexadecimal(std::size_t count) {
    const std::string_view digits = text_.substr(at_, count);
    if (digits.size() < count || !std::ranges::all_of(digits, is_hex_digit)) {
      fail("an escape of a string is cut short");
    }
    at_ += count;
    const auto value = std::stoul(std::string(digits), nullptr, 16);
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      fail("an escape of a string is no character");
    }
    append_utf8(out_, static_cast<char32_t>(value));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw SyntaxFault{line_, what, std::string(text_.substr(0, 40)), ""};
  }

  std::string_view text_;
  int line_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string unescape(std::string_view text, int line) {
  return Unescaper(text, line).run();
}

}  // namespace graft::text::jinja
