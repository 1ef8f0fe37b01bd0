// Runs a Template. Entry point: Evaluator::run.
#pragma once

#include <ctime>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_ast_internal.h"
#include "text/jinja_budget_internal.h"
#include "text/jinja_loop_internal.h"

namespace graft::text::jinja {

// What is set where; looking up goes outwards.
class Scope {
 public:
  explicit Scope(Scope* outer) : outer_(outer) {}

  const Value* find(std::string_view name) const;
  void set(const std::string& name, Value value);
  // A macro or a loop's caller may read it later.
  void keep();
  bool is_kept() const { return is_kept_; }

 private:
  Scope* outer_;
  bool is_kept_ = false;
  std::map<std::string, Value, std::less<>> values_;
};

// Bytes [begin, end) of a rendered text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct Rendered {
  std::string text;
  std::vector<Span> generations;  // of {% generation %} blocks, in order
  // A block lay inside a macro or a set, where its place is not known.
  bool lost_generation = false;
};

using Clock = std::function<std::tm()>;

// One rendering. Not to be used twice.
class Evaluator {
 public:
  Evaluator(const Template& source, Clock clock, const Limits& limits);

  // Throws Fault; line() then says where.
  Rendered run(const std::vector<std::pair<std::string, Value>>& variables);
  int line() const { return line_; }

  Budget& budget() { return budget_; }
  Value call(const Value& callee, const Arguments& arguments);
  Value apply_filter(const std::string& name, const Value& subject,
                     const Arguments& arguments);
  bool apply_test(const std::string& name, const Value& subject,
                  const Arguments& arguments);
  // value[key] as Jinja has it: an item, else an attribute.
  Value get_item(const Value& value, const Value& key);
  // value.name: an attribute, else an item.
  Value get_attribute(const Value& value, const std::string& name);
  Namespace* make_namespace();

 private:
  enum class Flow { kNormal, kBreak, kContinue };
  class LocalScope;

  // Statements; `out` is where text goes.
  Flow execute(const Statements& statements, Scope& scope, TextBuilder& out);
  Flow execute(const Statement& statement, Scope& scope, TextBuilder& out);
  void print(const PrintNode& node, Scope& scope, TextBuilder& out);
  Flow choose(const IfNode& node, Scope& scope, TextBuilder& out);
  Flow repeat(const ForNode& node, Scope& scope, TextBuilder& out);
  void run_loop(const ForNode& node, Scope& scope, TextBuilder& out,
                LoopState& loop);
  LoopState& make_loop(const ForNode& node, Scope& scope, const Value& items,
                       int depth);
  std::string capture(const Statements& body, Scope& outer);
  void set_block(const SetBlockNode& node, Scope& scope);
  void with(const WithNode& node, Scope& scope, TextBuilder& out);
  void generation(const GenerationNode& node, Scope& scope, TextBuilder& out);
  Value make_macro(const MacroNode& node, Scope& scope);
  Value call_macro(const MacroNode& node, Scope& outer,
                   const Arguments& arguments);
  void bind_parameters(const MacroNode& node, Scope& scope,
                       const Arguments& arguments);
  void bind_rest(const MacroNode& node, Scope& scope, Arguments rest);
  void call_block(const CallBlockNode& node, Scope& scope, TextBuilder& out);
  void assign(const Expression& target, const Value& value, Scope& scope);

  // Expressions.
  Value evaluate(const Expression& expression, Scope& scope);
  Value value_of(const ConstantNode& node, Scope& scope);
  Value value_of(const NameNode& node, Scope& scope);
  Value value_of(const NamespaceNode& node, Scope& scope);
  Value value_of(const SequenceNode& node, Scope& scope);
  Value value_of(const DictNode& node, Scope& scope);
  Value value_of(const UnaryNode& node, Scope& scope);
  Value value_of(const BinaryNode& node, Scope& scope);
  Value value_of(const LogicNode& node, Scope& scope);
  Value value_of(const ConcatNode& node, Scope& scope);
  Value value_of(const CompareNode& node, Scope& scope);
  Value value_of(const ConditionNode& node, Scope& scope);
  Value value_of(const AttributeNode& node, Scope& scope);
  Value value_of(const ItemNode& node, Scope& scope);
  Value value_of(const SliceNode& node, Scope& scope);
  Value value_of(const CallNode& node, Scope& scope);
  Value value_of(const FilterNode& node, Scope& scope);
  Value value_of(const TestNode& node, Scope& scope);
  Arguments arguments_of(const CallArguments& arguments, Scope& scope);
  Value filter_text(const Expression& filters, std::string text, Scope& scope);
  Value call_value(const CallNode& node, Scope& scope, const Value* caller);

  const Template& source_;
  Clock clock_;
  Budget budget_;
  int line_ = 1;
  int captures_ = 0;  // how many texts deep the output is not the result
  const Value* block_text_ = nullptr;  // what a filter without subject gets
  Rendered result_;
  // Alive until the end, because macros, namespaces and loops may hold each
  // other.
  std::vector<std::unique_ptr<Scope>> kept_scopes_;
  std::deque<Namespace> namespaces_;
  std::deque<LoopState> loops_;
};

}  // namespace graft::text::jinja
