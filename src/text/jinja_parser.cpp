// Statements, and the cursor over tokens that both parsers share.
#include "text/jinja_parser_internal.h"

#include <algorithm>
#include <initializer_list>

namespace graft::text::jinja {

Token TokenCursor::take() {
  Token out = now();
  if (at_ + 1 < tokens_.size()) ++at_;
  return out;
}

bool TokenCursor::skip(std::string_view op) {
  if (!now().is(op)) return false;
  take();
  return true;
}

bool TokenCursor::skip_name(std::string_view name) {
  if (!now().is_name(name)) return false;
  take();
  return true;
}

void TokenCursor::expect(std::string_view op) {
  if (!skip(op)) fail("a template's syntax", "'" + std::string(op) + "'");
}

void TokenCursor::expect(TokenKind kind, const char* expected) {
  if (now().kind != kind) fail("a template's syntax", expected);
  take();
}

std::string TokenCursor::expect_name() {
  if (now().kind != TokenKind::kName) fail("a name is missing", "a name");
  return take().text;
}

void TokenCursor::fail(const std::string& what, const std::string& expected,
                       int line) const {
  throw SyntaxFault{line > 0 ? line : now().line, what, now().describe(),
                    expected};
}

namespace {

constexpr int kStatementDepthLimit = 100;

class StatementParser {
 public:
  explicit StatementParser(std::string_view source)
      : tokens_(tokenize(source)), expressions_(tokens_) {}

  Template run() {
    Template out;
    out.body = parse_body({});
    out.has_generation = has_generation_;
    return out;
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  template <typename Node>
  static void add(Statements& to, int line, Node node) {
    auto out = std::make_unique<Statement>();
    out->line = line;
    out->node = std::move(node);
    to.push_back(std::move(out));
  }

  bool at_end_tag(Names ends) const {
    return std::ranges::any_of(ends, [this](std::string_view end) {
      return tokens_.now().is_name(end);
    });
  }

  // Up to one of the tags of `ends`, whose name is then the token at hand;
  // without ends, up to the end of the template.
  Statements parse_body(Names ends) {
    if (++level_ > kStatementDepthLimit) {
      tokens_.fail(
          "blocks nest too deep",
          "at most " + std::to_string(kStatementDepthLimit) + " levels");
    }
    Statements out;
    while (tokens_.now().kind != TokenKind::kEnd) {
      const Token token = tokens_.take();
      if (token.kind == TokenKind::kData) {
        add(out, token.line, DataNode{token.text});
      } else if (token.kind == TokenKind::kVariableBegin) {
        PrintNode node;
        node.items.push_back(expressions_.parse_tuple({}));
        tokens_.expect(TokenKind::kVariableEnd, "'}}'");
        add(out, token.line, std::move(node));
      } else {
        if (at_end_tag(ends)) {
          --level_;
          return out;
        }
        parse_statement(out, ends);
        tokens_.expect(TokenKind::kBlockEnd, "'%}'");
      }
    }
    if (ends.size() > 0) tokens_.fail("a block is not closed", wanted(ends));
    --level_;
    return out;
  }

  static std::string wanted(Names ends) {
    std::string out;
    for (const std::string_view end : ends) {
      out += (out.empty() ? "'" : " or '") + std::string(end) + "'";
    }
    return out;
  }

  // The body behind the rest of a tag, and the end tag's name.
  Statements parse_block(Names ends) {
    tokens_.skip(":");
    tokens_.expect(TokenKind::kBlockEnd, "'%}'");
    return parse_body(ends);
  }
  Statements parse_closed_block(std::string_view end) {
    Statements out = parse_block({end});
    tokens_.take();
    return out;
  }

  void parse_statement(Statements& out, Names ends) {
    const Token token = tokens_.now();
    if (token.kind != TokenKind::kName) {
      tokens_.fail("a tag without a name", "a tag's name");
    }
    using Parse = void (StatementParser::*)(Statements&, int);
    static constexpr std::pair<std::string_view, Parse> kTags[] = {
        {"if", &StatementParser::parse_if},
        {"for", &StatementParser::parse_for},
        {"set", &StatementParser::parse_set},
        {"macro", &StatementParser::parse_macro},
        {"call", &StatementParser::parse_call_block},
        {"filter", &StatementParser::parse_filter_block},
        {"with", &StatementParser::parse_with},
        {"print", &StatementParser::parse_print},
        {"generation", &StatementParser::parse_generation},
        {"break", &StatementParser::parse_break},
        {"continue", &StatementParser::parse_continue}};
    for (const auto& [name, parse] : kTags) {
      if (token.text != name) continue;
      tokens_.take();
      return (this->*parse)(out, token.line);
    }
    tokens_.fail("a tag that chat templates do not have",
                 ends.size() > 0 ? wanted(ends) : "");
  }

  void parse_if(Statements& out, int line) {
    IfNode node;
    while (true) {
      auto test = expressions_.parse_tuple({.with_condition = false});
      Statements body = parse_block({"elif", "else", "endif"});
      node.branches.emplace_back(std::move(test), std::move(body));
      if (tokens_.skip_name("elif")) continue;
      const bool has_else = tokens_.now().is_name("else");
      tokens_.take();
      if (has_else) node.otherwise = parse_closed_block("endif");
      break;
    }
    add(out, line, std::move(node));
  }

  void parse_for(Statements& out, int line) {
    ForNode node;
    node.target = expressions_.parse_target("in");
    if (!tokens_.skip_name("in")) tokens_.fail("a for without 'in'", "'in'");
    node.iterable = expressions_.parse_tuple(
        {.with_condition = false, .end_name = "recursive"});
    if (tokens_.skip_name("if")) node.filter = expressions_.parse();
    node.recursive = tokens_.skip_name("recursive");
    ++loops_;
    node.body = parse_block({"endfor", "else"});
    --loops_;
    if (tokens_.take().text == "else") {
      node.otherwise = parse_closed_block("endfor");
    }
    add(out, line, std::move(node));
  }

  void parse_set(Statements& out, int line) {
    auto target = expressions_.parse_target("in");
    if (tokens_.skip("=")) {
      add(out, line, SetNode{std::move(target), expressions_.parse_tuple({})});
      return;
    }
    SetBlockNode node{
        std::move(target), expressions_.parse_filters(nullptr), {}};
    node.body = parse_closed_block("endset");
    add(out, line, std::move(node));
  }

  void parse_signature(MacroNode& node) {
    tokens_.expect("(");
    while (!tokens_.now().is(")")) {
      if (!node.parameters.empty()) tokens_.expect(",");
      node.parameters.push_back(tokens_.expect_name());
      if (tokens_.skip("=")) {
        node.defaults.push_back(expressions_.parse());
      } else if (!node.defaults.empty()) {
        tokens_.fail("a parameter without default behind one with", "'='");
      }
    }
    tokens_.expect(")");
  }

  // Which of the special names the body reads; a loop around it is not its.
  void parse_macro_body(MacroNode& node, std::string_view end) {
    std::vector<std::string> outer = std::exchange(expressions_.names(), {});
    const int loops = std::exchange(loops_, 0);
    node.body = parse_closed_block(end);
    node.uses_caller = expressions_.read_name("caller");
    node.uses_varargs = expressions_.read_name("varargs");
    node.uses_kwargs = expressions_.read_name("kwargs");
    loops_ = loops;
    expressions_.names() = std::move(outer);
  }

  void parse_macro(Statements& out, int line) {
    MacroNode node;
    node.name = tokens_.expect_name();
    parse_signature(node);
    parse_macro_body(node, "endmacro");
    add(out, line, std::move(node));
  }

  void parse_call_block(Statements& out, int line) {
    CallBlockNode node;
    node.caller.name = "caller";
    if (tokens_.now().is("(")) parse_signature(node.caller);
    node.call = expressions_.parse();
    if (!std::holds_alternative<CallNode>(node.call->node)) {
      tokens_.fail("a call block without a call", "macro(...)", line);
    }
    parse_macro_body(node.caller, "endcall");
    add(out, line, std::move(node));
  }

  void parse_filter_block(Statements& out, int line) {
    auto filter =
        expressions_.parse_filters(expressions_.parse_filter(nullptr));
    add(out, line,
        FilterBlockNode{std::move(filter), parse_closed_block("endfilter")});
  }

  void parse_with(Statements& out, int line) {
    WithNode node;
    while (tokens_.now().kind != TokenKind::kBlockEnd) {
      if (!node.values.empty()) tokens_.expect(",");
      auto target = expressions_.parse_target(nullptr);
      tokens_.expect("=");
      node.values.emplace_back(std::move(target), expressions_.parse());
    }
    node.body = parse_closed_block("endwith");
    add(out, line, std::move(node));
  }

  void parse_print(Statements& out, int line) {
    PrintNode node;
    while (tokens_.now().kind != TokenKind::kBlockEnd) {
      if (!node.items.empty()) tokens_.expect(",");
      node.items.push_back(expressions_.parse());
    }
    add(out, line, std::move(node));
  }

  void parse_generation(Statements& out, int line) {
    has_generation_ = true;
    const int loops = std::exchange(loops_, 0);
    add(out, line, GenerationNode{parse_closed_block("endgeneration")});
    loops_ = loops;
  }

  void require_loop(int line) {
    if (loops_ == 0) {
      tokens_.fail("break or continue outside of a loop", "", line);
    }
  }
  void parse_break(Statements& out, int line) {
    require_loop(line);
    add(out, line, BreakNode{});
  }
  void parse_continue(Statements& out, int line) {
    require_loop(line);
    add(out, line, ContinueNode{});
  }

  TokenCursor tokens_;
  ExpressionParser expressions_;
  int level_ = 0;
  int loops_ = 0;
  bool has_generation_ = false;
};

}  // namespace

Template parse(std::string_view source) {
  return StatementParser(source).run();
}

}  // namespace graft::text::jinja
