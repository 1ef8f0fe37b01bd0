// Tokens to a Template. Entry point: parse.
#pragma once

#include <string_view>

#include "text/jinja_ast_internal.h"
#include "text/jinja_lexer_internal.h"

namespace graft::text::jinja {

// Throws SyntaxFault.
Template parse(std::string_view source);

// The tokens and how to ask about them.
class TokenCursor {
 public:
  explicit TokenCursor(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& after() const {
    return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_];
  }
  Token take();
  bool skip(std::string_view op);
  bool skip_name(std::string_view name);
  void expect(std::string_view op);
  void expect(TokenKind kind, const char* expected);
  std::string expect_name();
  [[noreturn]] void fail(const std::string& what, const std::string& expected,
                         int line = 0) const;

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

// Jinja's expressions, by falling precedence.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenCursor& tokens) : tokens_(tokens) {}

  struct TupleRule {
    bool with_condition = true;
    bool in_parentheses = false;
    bool is_target = false;          // names and literals only
    const char* end_name = nullptr;  // a name that ends it: in, recursive
  };

  ExpressionPtr parse(bool with_condition = true);
  // One expression, or several with commas between them.
  ExpressionPtr parse_tuple(const TupleRule& rule);
  // What `set`, `for` and `with` assign to.
  ExpressionPtr parse_target(const char* end_name);
  // "| name(...)" any number of times; `subject` may be null.
  ExpressionPtr parse_filters(ExpressionPtr subject);
  ExpressionPtr parse_filter(ExpressionPtr subject);

  // Names that were read since the last clear(): a macro asks.
  bool read_name(std::string_view name) const;
  std::vector<std::string>& names() { return names_; }

 private:
  ExpressionPtr make(int line, ExpressionNode node);

  ExpressionPtr parse_condition();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filter);
  ExpressionPtr parse_primary(bool is_target);
  ExpressionPtr parse_name(bool is_target);
  ExpressionPtr parse_number();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr object);
  ExpressionPtr parse_attribute(ExpressionPtr object);
  ExpressionPtr parse_slice(ExpressionPtr object, ExpressionPtr start);
  ExpressionPtr parse_subscripts(ExpressionPtr object);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_test(ExpressionPtr subject);
  CallArguments parse_arguments();
  void parse_argument(CallArguments& out);
  bool at_test_argument() const;
  std::string parse_dotted_name();

  TokenCursor& tokens_;
  std::vector<std::string> names_;
  int level_ = 0;
};

}  // namespace graft::text::jinja
