// What follows a value: attributes, subscripts, calls, filters and tests; and
// targets of assignments.
#include "text/jinja_parser_internal.h"

namespace graft::text::jinja {

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr object) {
  while (true) {
    if (tokens_.now().is(".")) {
      object = parse_attribute(std::move(object));
    } else if (tokens_.now().is("[")) {
      object = parse_subscripts(std::move(object));
    } else if (tokens_.now().is("(")) {
      object = parse_call(std::move(object));
    } else {
      return object;
    }
  }
}

ExpressionPtr ExpressionParser::parse_attribute(ExpressionPtr object) {
  const int line = tokens_.take().line;
  const Token token = tokens_.now();
  if (token.kind == TokenKind::kName) {
    tokens_.take();
    return make(line, AttributeNode{std::move(object), token.text});
  }
  if (token.kind != TokenKind::kInteger) {
    tokens_.fail("an attribute is missing", "a name or a number");
  }
  return make(line, ItemNode{std::move(object), parse_number()});
}

// [a], [a, b]: the second is one index, a tuple; or a slice.
ExpressionPtr ExpressionParser::parse_subscripts(ExpressionPtr object) {
  const int line = tokens_.take().line;
  ExpressionPtr index;
  if (!tokens_.now().is(":")) index = parse();
  if (tokens_.now().is(":")) {
    auto out = parse_slice(std::move(object), std::move(index));
    if (tokens_.now().is(",")) tokens_.fail("a slice inside a tuple", "']'");
    tokens_.expect("]");
    return out;
  }
  if (tokens_.now().is(",")) {
    SequenceNode node{true, {}};
    node.items.push_back(std::move(index));
    while (tokens_.skip(",")) {
      if (tokens_.now().is("]")) break;
      node.items.push_back(parse());
    }
    index = make(line, std::move(node));
  }
  tokens_.expect("]");
  return make(line, ItemNode{std::move(object), std::move(index)});
}

// From the first colon on.
ExpressionPtr ExpressionParser::parse_slice(ExpressionPtr object,
                                            ExpressionPtr start) {
  const int line = tokens_.now().line;
  SliceNode node;
  node.start = std::move(start);
  auto part_ends = [this] {
    return tokens_.now().is(":") || tokens_.now().is("]") ||
           tokens_.now().is(",");
  };
  tokens_.expect(":");
  if (!part_ends()) node.stop = parse();
  if (tokens_.skip(":") && !part_ends()) node.step = parse();
  node.object = std::move(object);
  return make(line, std::move(node));
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  const int line = tokens_.now().line;
  return make(line, CallNode{std::move(callee), parse_arguments()});
}

CallArguments ExpressionParser::parse_arguments() {
  CallArguments out;
  tokens_.expect("(");
  bool needs_comma = false;
  while (!tokens_.now().is(")")) {
    if (needs_comma) {
      tokens_.expect(",");
      if (tokens_.now().is(")")) break;
    }
    parse_argument(out);
    needs_comma = true;
  }
  tokens_.expect(")");
  return out;
}

void ExpressionParser::parse_argument(CallArguments& out) {
  const bool is_plain_allowed =
      !out.rest && !out.rest_named && out.named.empty();
  if (tokens_.skip("*")) {
    if (out.rest || out.rest_named) {
      tokens_.fail("a second *argument", "one, before **arguments");
    }
    out.rest = parse();
  } else if (tokens_.skip("**")) {
    if (out.rest_named) tokens_.fail("a second **argument", "one");
    out.rest_named = parse();
  } else if (tokens_.now().kind == TokenKind::kName &&
             tokens_.after().is("=")) {
    if (out.rest_named) tokens_.fail("an argument behind **arguments", "none");
    std::string name = tokens_.take().text;
    tokens_.take();
    out.named.emplace_back(std::move(name), parse());
  } else {
    if (!is_plain_allowed) {
      tokens_.fail("an argument behind a named one", "name=value");
    }
    out.positional.push_back(parse());
  }
}

std::string ExpressionParser::parse_dotted_name() {
  std::string name = tokens_.expect_name();
  while (tokens_.skip(".")) name += "." + tokens_.expect_name();
  return name;
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr subject) {
  const int line = tokens_.now().line;
  FilterNode node{std::move(subject), parse_dotted_name(), {}};
  if (tokens_.now().is("(")) node.arguments = parse_arguments();
  return make(line, std::move(node));
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr subject) {
  while (tokens_.skip("|")) subject = parse_filter(std::move(subject));
  return subject;
}

bool ExpressionParser::at_test_argument() const {
  const Token& token = tokens_.now();
  if (token.kind == TokenKind::kName) {
    return token.text != "else" && token.text != "or" && token.text != "and";
  }
  return token.kind == TokenKind::kString ||
         token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat ||
         token.is("[") || token.is("{");
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr subject) {
  const int line = tokens_.take().line;
  const bool negated = tokens_.skip_name("not");
  TestNode node{std::move(subject), parse_dotted_name(), {}};
  if (tokens_.now().is("(")) {
    node.arguments = parse_arguments();
  } else if (at_test_argument()) {
    if (tokens_.now().is_name("is")) {
      tokens_.fail("tests cannot be chained with 'is'", "'and'");
    }
    node.arguments.positional.push_back(parse_postfix(parse_primary(false)));
  }
  auto out = make(line, std::move(node));
  return negated ? make(line, UnaryNode{'!', std::move(out)}) : std::move(out);
}

namespace {

bool is_assignable(const Expression& target) {
  if (const auto* tuple = std::get_if<SequenceNode>(&target.node)) {
    for (const auto& item : tuple->items) {
      if (!is_assignable(*item)) return false;
    }
    return tuple->is_tuple;
  }
  return std::holds_alternative<NameNode>(target.node) ||
         std::holds_alternative<NamespaceNode>(target.node);
}

}  // namespace

ExpressionPtr ExpressionParser::parse_target(const char* end_name) {
  const int line = tokens_.now().line;
  auto out = parse_tuple({.is_target = true, .end_name = end_name});
  if (!is_assignable(*out)) {
    tokens_.fail("something that cannot be assigned to", "a name", line);
  }
  return out;
}

}  // namespace graft::text::jinja
