// A parsed template. Entry point: Template. Immutable and shared by renderings.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_operator_internal.h"
#include "text/jinja_value_internal.h"

namespace graft::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;
using Expressions = std::vector<ExpressionPtr>;

struct CallArguments {
  Expressions positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr rest;        // *args, may be null
  ExpressionPtr rest_named;  // **kwargs, may be null
};

struct ConstantNode {
  Value value;
};
struct NameNode {
  std::string name;
};
struct NamespaceNode {  // only as a target of `set`
  std::string name;
  std::string attribute;
};
struct SequenceNode {
  bool is_tuple = false;
  Expressions items;
};
struct DictNode {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct UnaryNode {
  char op = '-';  // - + and ! for `not`
  ExpressionPtr operand;
};
struct BinaryNode {
  BinaryOperator op = BinaryOperator::kAdd;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct LogicNode {
  bool is_and = false;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct ConcatNode {
  Expressions items;
};
struct CompareNode {
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct ConditionNode {
  ExpressionPtr test;
  ExpressionPtr yes;
  ExpressionPtr no;  // may be null
};
struct AttributeNode {
  ExpressionPtr object;
  std::string name;
};
struct ItemNode {
  ExpressionPtr object;
  ExpressionPtr index;
};
struct SliceNode {
  ExpressionPtr object;
  ExpressionPtr start, stop, step;  // each may be null
};
struct CallNode {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterNode {
  ExpressionPtr subject;  // null: the text of a block
  std::string name;
  CallArguments arguments;
};
struct TestNode {
  ExpressionPtr subject;
  std::string name;
  CallArguments arguments;
};

using ExpressionNode =
    std::variant<ConstantNode, NameNode, NamespaceNode, SequenceNode, DictNode,
                 UnaryNode, BinaryNode, LogicNode, ConcatNode, CompareNode,
                 ConditionNode, AttributeNode, ItemNode, SliceNode, CallNode,
                 FilterNode, TestNode>;

struct Expression {
  int line = 1;
  int depth = 1;  // levels of expressions, this one included
  ExpressionNode node;
};

// The deepest of the expressions inside.
int depth_below(const ExpressionNode& node);

struct Statement;
using Statements = std::vector<std::unique_ptr<const Statement>>;

struct DataNode {
  std::string text;
};
struct PrintNode {
  Expressions items;
};
struct IfNode {
  std::vector<std::pair<ExpressionPtr, Statements>> branches;
  Statements otherwise;
};
struct ForNode {
  ExpressionPtr target;
  ExpressionPtr iterable;
  ExpressionPtr filter;  // may be null
  bool recursive = false;
  Statements body;
  Statements otherwise;
};
struct SetNode {
  ExpressionPtr target;
  ExpressionPtr value;
};
struct SetBlockNode {
  ExpressionPtr target;
  ExpressionPtr filter;  // may be null
  Statements body;
};
struct MacroNode {
  std::string name;
  std::vector<std::string> parameters;
  Expressions defaults;  // of the last parameters
  Statements body;
  bool uses_caller = false;
  bool uses_varargs = false;
  bool uses_kwargs = false;
};
struct CallBlockNode {
  MacroNode caller;
  ExpressionPtr call;  // a CallNode
};
struct FilterBlockNode {
  ExpressionPtr filter;
  Statements body;
};
struct WithNode {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> values;
  Statements body;
};
struct GenerationNode {
  Statements body;
};
struct BreakNode {};
struct ContinueNode {};

struct Statement {
  int line = 1;
  std::variant<DataNode, PrintNode, IfNode, ForNode, SetNode, SetBlockNode,
               MacroNode, CallBlockNode, FilterBlockNode, WithNode,
               GenerationNode, BreakNode, ContinueNode>
      node;
};

struct Template {
  Statements body;
  bool has_generation = false;  // {% generation %} occurs
};

}  // namespace graft::text::jinja
