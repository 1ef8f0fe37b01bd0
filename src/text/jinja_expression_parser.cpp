// One function a level of precedence, as Jinja has them: `not` < comparison <
// + - < ~ < * / // % < **, filters and tests bind tightest.
#include <charconv>
#include <cstdlib>

#include "text/jinja_parser_internal.h"

namespace graft::text::jinja {
namespace {

constexpr int kExpressionDepthLimit = 200;

std::optional<Comparison> comparison_of(const Token& token) {
  static constexpr std::pair<const char*, Comparison> kSymbols[] = {
      {"==", Comparison::kEqual},  {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},    {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater}, {">=", Comparison::kGreaterEqual}};
  for (const auto& [symbol, op] : kSymbols) {
    if (token.is(symbol)) return op;
  }
  return std::nullopt;
}

std::optional<BinaryOperator> product_of(const Token& token) {
  static constexpr std::pair<const char*, BinaryOperator> kSymbols[] = {
      {"*", BinaryOperator::kMultiply},
      {"/", BinaryOperator::kDivide},
      {"//", BinaryOperator::kFloorDivide},
      {"%", BinaryOperator::kModulo}};
  for (const auto& [symbol, op] : kSymbols) {
    if (token.is(symbol)) return op;
  }
  return std::nullopt;
}

}  // namespace

ExpressionPtr ExpressionParser::make(int line, ExpressionNode node) {
  const int depth = depth_below(node) + 1;
  if (depth > kExpressionDepthLimit) {
    tokens_.fail(
        "an expression nests too deep",
        "at most " + std::to_string(kExpressionDepthLimit) + " levels");
  }
  return std::make_unique<const Expression>(
      Expression{line, depth, std::move(node)});
}

bool ExpressionParser::read_name(std::string_view name) const {
  for (const std::string& one : names_) {
    if (one == name) return true;
  }
  return false;
}

ExpressionPtr ExpressionParser::parse(bool with_condition) {
  if (++level_ > kExpressionDepthLimit) {
    tokens_.fail(
        "an expression nests too deep",
        "at most " + std::to_string(kExpressionDepthLimit) + " levels");
  }
  auto out = with_condition ? parse_condition() : parse_or();
  --level_;
  return out;
}

ExpressionPtr ExpressionParser::parse_condition() {
  int line = tokens_.now().line;
  auto out = parse_or();
  while (tokens_.skip_name("if")) {
    auto test = parse_or();
    ExpressionPtr no;
    if (tokens_.skip_name("else")) no = parse();
    out = make(line,
               ConditionNode{std::move(test), std::move(out), std::move(no)});
    line = tokens_.now().line;
  }
  return out;
}

ExpressionPtr ExpressionParser::parse_or() {
  auto out = parse_and();
  while (tokens_.now().is_name("or")) {
    const int line = tokens_.take().line;
    out = make(line, LogicNode{false, std::move(out), parse_and()});
  }
  return out;
}

ExpressionPtr ExpressionParser::parse_and() {
  auto out = parse_not();
  while (tokens_.now().is_name("and")) {
    const int line = tokens_.take().line;
    out = make(line, LogicNode{true, std::move(out), parse_not()});
  }
  return out;
}

ExpressionPtr ExpressionParser::parse_not() {
  int count = 0;
  const int line = tokens_.now().line;
  while (tokens_.skip_name("not")) ++count;
  auto out = parse_compare();
  for (; count > 0; --count) out = make(line, UnaryNode{'!', std::move(out)});
  return out;
}

ExpressionPtr ExpressionParser::parse_compare() {
  const int line = tokens_.now().line;
  auto first = parse_sum();
  CompareNode node;
  while (true) {
    const auto op = comparison_of(tokens_.now());
    if (op) {
      tokens_.take();
      node.rest.emplace_back(*op, parse_sum());
    } else if (tokens_.skip_name("in")) {
      node.rest.emplace_back(Comparison::kIn, parse_sum());
    } else if (tokens_.now().is_name("not") && tokens_.after().is_name("in")) {
      tokens_.take();
      tokens_.take();
      node.rest.emplace_back(Comparison::kNotIn, parse_sum());
    } else {
      break;
    }
  }
  if (node.rest.empty()) return first;
  node.first = std::move(first);
  return make(line, std::move(node));
}

ExpressionPtr ExpressionParser::parse_sum() {
  auto out = parse_concat();
  while (tokens_.now().is("+") || tokens_.now().is("-")) {
    const Token token = tokens_.take();
    const auto op =
        token.is("+") ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
    out = make(token.line, BinaryNode{op, std::move(out), parse_concat()});
  }
  return out;
}

ExpressionPtr ExpressionParser::parse_concat() {
  const int line = tokens_.now().line;
  auto first = parse_product();
  if (!tokens_.now().is("~")) return first;
  ConcatNode node;
  node.items.push_back(std::move(first));
  while (tokens_.skip("~")) node.items.push_back(parse_product());
  return make(line, std::move(node));
}

ExpressionPtr ExpressionParser::parse_product() {
  auto out = parse_power();
  while (const auto op = product_of(tokens_.now())) {
    const int line = tokens_.take().line;
    out = make(line, BinaryNode{*op, std::move(out), parse_power()});
  }
  return out;
}

ExpressionPtr ExpressionParser::parse_power() {
  auto out = parse_unary(true);
  while (tokens_.now().is("**")) {
    const int line = tokens_.take().line;
    out = make(line, BinaryNode{BinaryOperator::kPower, std::move(out),
                                parse_unary(true)});
  }
  return out;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const Token token = tokens_.now();
  ExpressionPtr out;
  if (token.is("-") || token.is("+")) {
    tokens_.take();
    if (++level_ > kExpressionDepthLimit) {
      tokens_.fail("an expression nests too deep", "");
    }
    out = make(token.line, UnaryNode{token.text[0], parse_unary(false)});
    --level_;
  } else {
    out = parse_primary(false);
  }
  out = parse_postfix(std::move(out));
  if (!with_filter) return out;
  while (true) {
    if (tokens_.now().is("|")) {
      out = parse_filters(std::move(out));
    } else if (tokens_.now().is_name("is")) {
      out = parse_test(std::move(out));
    } else if (tokens_.now().is("(")) {
      out = parse_call(std::move(out));
    } else {
      return out;
    }
  }
}

ExpressionPtr ExpressionParser::parse_primary(bool is_target) {
  const Token& token = tokens_.now();
  const int line = token.line;
  switch (token.kind) {
    case TokenKind::kName:
      return parse_name(is_target);
    case TokenKind::kString: {
      std::string text;
      while (tokens_.now().kind == TokenKind::kString) {
        text += tokens_.take().text;
      }
      return make(line, ConstantNode{Value::text(std::move(text))});
    }
    case TokenKind::kInteger:
    case TokenKind::kFloat:
      return parse_number();
    default:
      break;
  }
  if (tokens_.skip("(")) {
    auto out = parse_tuple({.in_parentheses = true});
    tokens_.expect(")");
    return out;
  }
  if (token.is("[")) return parse_list();
  if (token.is("{")) return parse_dict();
  tokens_.fail("an expression is missing", "a value");
}

ExpressionPtr ExpressionParser::parse_name(bool is_target) {
  const Token token = tokens_.take();
  const std::string& name = token.text;
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    return make(token.line,
                ConstantNode{Value::boolean(name[0] == 't' || name[0] == 'T')});
  }
  if (name == "none" || name == "None") {
    return make(token.line, ConstantNode{Value::none()});
  }
  if (is_target && tokens_.skip(".")) {
    return make(token.line, NamespaceNode{name, tokens_.expect_name()});
  }
  if (!is_target) names_.push_back(name);
  return make(token.line, NameNode{name});
}

ExpressionPtr ExpressionParser::parse_number() {
  const Token token = tokens_.take();
  if (token.kind == TokenKind::kFloat) {
    return make(
        token.line,
        ConstantNode{Value::real(std::strtod(token.text.c_str(), nullptr))});
  }
  int base = 10;
  std::string_view digits = token.text;
  if (digits.size() > 2 && digits[0] == '0' && digits[1] > '9') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, value, base);
  if (result.ec != std::errc() || result.ptr != end) {
    throw SyntaxFault{token.line, "a number", token.text,
                      "an integer of 64 bits"};
  }
  return make(token.line, ConstantNode{Value::integer(value)});
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = tokens_.take().line;
  SequenceNode node;
  while (!tokens_.now().is("]")) {
    if (!node.items.empty()) tokens_.expect(",");
    if (tokens_.now().is("]")) break;
    node.items.push_back(parse());
  }
  tokens_.expect("]");
  return make(line, std::move(node));
}

ExpressionPtr ExpressionParser::parse_dict() {
  const int line = tokens_.take().line;
  DictNode node;
  while (!tokens_.now().is("}")) {
    if (!node.entries.empty()) tokens_.expect(",");
    if (tokens_.now().is("}")) break;
    auto key = parse();
    tokens_.expect(":");
    node.entries.emplace_back(std::move(key), parse());
  }
  tokens_.expect("}");
  return make(line, std::move(node));
}

ExpressionPtr ExpressionParser::parse_tuple(const TupleRule& rule) {
  const int line = tokens_.now().line;
  SequenceNode node{true, {}};
  bool has_comma = false;
  while (true) {
    if (!node.items.empty()) tokens_.expect(",");
    const Token& token = tokens_.now();
    if (token.kind == TokenKind::kVariableEnd ||
        token.kind == TokenKind::kBlockEnd || token.is(")") ||
        (rule.end_name && token.is_name(rule.end_name))) {
      break;
    }
    node.items.push_back(rule.is_target ? parse_primary(true)
                                        : parse(rule.with_condition));
    if (!tokens_.now().is(",")) break;
    has_comma = true;
  }
  if (!has_comma && !node.items.empty()) return std::move(node.items[0]);
  if (!has_comma && !rule.in_parentheses) {
    tokens_.fail("an expression is missing", "a value");
  }
  return make(line, std::move(node));
}

}  // namespace graft::text::jinja
