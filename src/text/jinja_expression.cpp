// Expressions: what each node of the tree is worth.
#include "text/jinja_evaluator_internal.h"
#include "text/jinja_filter_internal.h"
#include "text/jinja_method_internal.h"
#include "text/jinja_missing_internal.h"
#include "text/jinja_printer_internal.h"

namespace graft::text::jinja {
namespace {

void require_defined(const Value& value) {
  const Undefined* found = value.as<Undefined>();
  if (found) throw Fault(found->reason ? *found->reason : "undefined value");
}

std::string owner_name(const Value& value) {
  return value.is_none() ? "None" : describe(value) + " object";
}

}  // namespace

Value Evaluator::evaluate(const Expression& expression, Scope& scope) {
  budget_.step();
  const Nesting nesting(budget_);
  line_ = expression.line;
  return std::visit([&](const auto& node) { return value_of(node, scope); },
                    expression.node);
}

Value Evaluator::value_of(const ConstantNode& node, Scope&) {
  return node.value;
}

Value Evaluator::value_of(const NameNode& node, Scope& scope) {
  if (const Value* found = scope.find(node.name)) return *found;
  refuse_missing_function(node.name);
  return Value::undefined("'" + node.name + "' is undefined");
}

Value Evaluator::value_of(const NamespaceNode& node, Scope&) {
  throw Fault("an attribute of '" + node.name + "' as a target");
}

Value Evaluator::value_of(const SequenceNode& node, Scope& scope) {
  budget_.take_values(node.items.size());
  Values items;
  for (const auto& item : node.items) items.push_back(evaluate(*item, scope));
  return node.is_tuple ? Value::tuple(std::move(items))
                       : Value::list(std::move(items));
}

Value Evaluator::value_of(const DictNode& node, Scope& scope) {
  budget_.take_values(node.entries.size() * 4);
  std::vector<Entry> entries;
  for (const auto& [key, value] : node.entries) {
    Value made_key = evaluate(*key, scope);
    budget_.scan(made_key);
    entries.emplace_back(std::move(made_key), evaluate(*value, scope));
  }
  return Value::dict(std::move(entries));
}

Value Evaluator::value_of(const UnaryNode& node, Scope& scope) {
  const Value value = evaluate(*node.operand, scope);
  if (node.op == '!') return Value::boolean(!value.truth());
  if (node.op == '-') return negate(value);
  require_defined(value);
  if (!value.is_number()) {
    throw Fault("bad operand type for unary +: " + describe(value));
  }
  return value.is_whole() ? Value::integer(value.whole()) : value;
}

Value Evaluator::value_of(const BinaryNode& node, Scope& scope) {
  const Value left = evaluate(*node.left, scope);
  const int line = line_;
  const Value right = evaluate(*node.right, scope);
  line_ = line;
  return apply(node.op, left, right, budget_);
}

Value Evaluator::value_of(const LogicNode& node, Scope& scope) {
  Value left = evaluate(*node.left, scope);
  return left.truth() == node.is_and ? evaluate(*node.right, scope) : left;
}

Value Evaluator::value_of(const ConcatNode& node, Scope& scope) {
  TextBuilder out(budget_);
  for (const auto& item : node.items) {
    const Value value = evaluate(*item, scope);
    const std::string* text = value.as_text();
    out.append(text ? *text : to_text(value, budget_));
  }
  return Value::text(out.finish());
}

Value Evaluator::value_of(const CompareNode& node, Scope& scope) {
  Value left = evaluate(*node.first, scope);
  for (const auto& [op, expression] : node.rest) {
    Value right = evaluate(*expression, scope);
    if (!compare(op, left, right, budget_)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Evaluator::value_of(const ConditionNode& node, Scope& scope) {
  if (evaluate(*node.test, scope).truth()) return evaluate(*node.yes, scope);
  if (node.no) return evaluate(*node.no, scope);
  return Value::undefined(
      "the inline if-expression evaluated to false and no else section was "
      "defined");
}

Value Evaluator::value_of(const AttributeNode& node, Scope& scope) {
  const Value object = evaluate(*node.object, scope);
  return get_attribute(object, node.name);
}

Value Evaluator::value_of(const ItemNode& node, Scope& scope) {
  const Value object = evaluate(*node.object, scope);
  const Value index = evaluate(*node.index, scope);
  return get_item(object, index);
}

Value Evaluator::value_of(const SliceNode& node, Scope& scope) {
  const Value object = evaluate(*node.object, scope);
  SliceBounds bounds;
  if (node.start) bounds.start = evaluate(*node.start, scope);
  if (node.stop) bounds.stop = evaluate(*node.stop, scope);
  if (node.step) bounds.step = evaluate(*node.step, scope);
  return slice(object, bounds, budget_);
}

Value Evaluator::value_of(const CallNode& node, Scope& scope) {
  return call_value(node, scope, nullptr);
}

Value Evaluator::call_value(const CallNode& node, Scope& scope,
                            const Value* caller) {
  const int line = line_;
  const Value callee = evaluate(*node.callee, scope);
  Arguments arguments = arguments_of(node.arguments, scope);
  if (caller) arguments.named.emplace_back("caller", *caller);
  line_ = line;
  return call(callee, arguments);
}

Value Evaluator::value_of(const FilterNode& node, Scope& scope) {
  const int line = line_;
  const Value subject =
      node.subject ? evaluate(*node.subject, scope) : *block_text_;
  const Arguments arguments = arguments_of(node.arguments, scope);
  line_ = line;
  return apply_filter(node.name, subject, arguments);
}

Value Evaluator::value_of(const TestNode& node, Scope& scope) {
  const Value subject = evaluate(*node.subject, scope);
  const Arguments arguments = arguments_of(node.arguments, scope);
  return Value::boolean(apply_test(node.name, subject, arguments));
}

Value Evaluator::filter_text(const Expression& filters, std::string text,
                             Scope& scope) {
  const Value value = Value::text(std::move(text));
  const Value* outer = std::exchange(block_text_, &value);
  Value out = evaluate(filters, scope);
  block_text_ = outer;
  return out;
}

Arguments Evaluator::arguments_of(const CallArguments& arguments,
                                  Scope& scope) {
  Arguments out;
  for (const auto& one : arguments.positional) {
    out.positional.push_back(evaluate(*one, scope));
  }
  for (const auto& [name, value] : arguments.named) {
    out.named.emplace_back(name, evaluate(*value, scope));
  }
  if (arguments.rest) {
    for (Value& one : items_of(evaluate(*arguments.rest, scope), budget_)) {
      out.positional.push_back(std::move(one));
    }
  }
  if (!arguments.rest_named) return out;
  const Value rest = evaluate(*arguments.rest_named, scope);
  if (!rest.as_dict()) {
    throw Fault("an argument after **", describe(rest), "a mapping");
  }
  for (const auto& [name, value] : rest.as_dict()->entries) {
    const std::string* text = name.as_text();
    if (!text) throw Fault("keywords must be strings", describe(name));
    out.named.emplace_back(*text, value);
  }
  return out;
}

Value Evaluator::call(const Value& callee, const Arguments& arguments) {
  require_defined(callee);
  const Nesting nesting(budget_);
  if (const Callable* callable = callee.as_callable()) {
    return callable->call(arguments);
  }
  if (const auto* loop = callee.as<LoopState*>()) {
    return (*loop)->call(arguments);
  }
  throw Fault(describe(callee) + " object is not callable");
}

Value Evaluator::get_attribute(const Value& value, const std::string& name) {
  require_defined(value);
  if (auto found = find_attribute(*this, value, name)) return *found;
  if (auto found = find_item(value, Value::text(name))) return *found;
  return Value::undefined(owner_name(value) + " has no attribute '" + name +
                          "'");
}

Value Evaluator::get_item(const Value& value, const Value& key) {
  require_defined(value);
  budget_.scan(key);
  if (auto found = find_item(value, key)) return *found;
  const std::string* name = key.as_text();
  if (!name) {
    return Value::undefined(owner_name(value) + " has no element " +
                            to_repr(key, budget_));
  }
  if (auto found = find_attribute(*this, value, *name)) return *found;
  return Value::undefined(owner_name(value) + " has no attribute '" + *name +
                          "'");
}

Namespace* Evaluator::make_namespace() {
  budget_.take(sizeof(Namespace));
  return &namespaces_.emplace_back();
}

}  // namespace graft::text::jinja
