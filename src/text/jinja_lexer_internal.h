// A template's text as tokens, with trim_blocks and lstrip_blocks on, as
// transformers sets them. Entry point: tokenize.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft::text::jinja {

enum class TokenKind {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // data, name, operator, digits, or the string's value
  int line = 1;

  bool is(std::string_view op) const {
    return kind == TokenKind::kOperator && text == op;
  }
  bool is_name(std::string_view name) const {
    return kind == TokenKind::kName && text == name;
  }
  std::string describe() const;  // for messages
};

// A mistake of the template's text: Fault with its line.
struct SyntaxFault {
  int line = 1;
  std::string what;
  std::string got;
  std::string expected;
};

// The last token is kEnd. `source` is valid UTF-8. Throws SyntaxFault.
std::vector<Token> tokenize(std::string_view source);

// The value of a string literal, with Python's escapes. Throws SyntaxFault.
std::string unescape(std::string_view text, int line);

}  // namespace graft::text::jinja
