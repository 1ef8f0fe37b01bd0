// Statements: text, scopes, loops and macros.
#include "text/jinja_evaluator_internal.h"

#include <algorithm>

#include "text/jinja_global_internal.h"
#include "text/jinja_printer_internal.h"

namespace graft::text::jinja {

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->outer_) {
    const auto found = scope->values_.find(name);
    if (found != scope->values_.end()) return &found->second;
  }
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  values_[name] = std::move(value);
}

void Scope::keep() {
  for (Scope* scope = this; scope && !scope->is_kept_; scope = scope->outer_) {
    scope->is_kept_ = true;
  }
}

// A scope that ends with a block, unless something keeps it.
class Evaluator::LocalScope {
 public:
  LocalScope(Evaluator& owner, Scope& outer)
      : owner_(owner), scope_(std::make_unique<Scope>(&outer)) {}
  ~LocalScope() {
    if (scope_->is_kept()) owner_.kept_scopes_.push_back(std::move(scope_));
  }
  LocalScope(const LocalScope&) = delete;
  LocalScope& operator=(const LocalScope&) = delete;

  Scope& operator*() { return *scope_; }

 private:
  Evaluator& owner_;
  std::unique_ptr<Scope> scope_;
};

Evaluator::Evaluator(const Template& source, Clock clock, const Limits& limits)
    : source_(source), clock_(std::move(clock)), budget_(limits) {}

Rendered Evaluator::run(
    const std::vector<std::pair<std::string, Value>>& variables) {
  Scope globals(nullptr);
  for (auto& [name, value] : make_globals(*this, clock_)) {
    globals.set(name, value);
  }
  for (const auto& [name, value] : variables) globals.set(name, value);
  Scope top(&globals);
  TextBuilder out(budget_);
  execute(source_.body, top, out);
  result_.text = out.finish();
  return std::move(result_);
}

Evaluator::Flow Evaluator::execute(const Statements& statements, Scope& scope,
                                   TextBuilder& out) {
  for (const auto& statement : statements) {
    const Flow flow = execute(*statement, scope, out);
    if (flow != Flow::kNormal) return flow;
  }
  return Flow::kNormal;
}

Evaluator::Flow Evaluator::execute(const Statement& statement, Scope& scope,
                                   TextBuilder& out) {
  budget_.step();
  const Nesting nesting(budget_);
  line_ = statement.line;
  const auto& node = statement.node;
  if (const auto* data = std::get_if<DataNode>(&node)) {
    out.append(data->text);
  } else if (const auto* print_node = std::get_if<PrintNode>(&node)) {
    print(*print_node, scope, out);
  } else if (const auto* branch = std::get_if<IfNode>(&node)) {
    return choose(*branch, scope, out);
  } else if (const auto* loop = std::get_if<ForNode>(&node)) {
    return repeat(*loop, scope, out);
  } else if (const auto* set = std::get_if<SetNode>(&node)) {
    assign(*set->target, evaluate(*set->value, scope), scope);
  } else if (const auto* block = std::get_if<SetBlockNode>(&node)) {
    set_block(*block, scope);
  } else if (const auto* macro = std::get_if<MacroNode>(&node)) {
    scope.set(macro->name, make_macro(*macro, scope));
  } else if (const auto* call_node = std::get_if<CallBlockNode>(&node)) {
    call_block(*call_node, scope, out);
  } else if (const auto* filter = std::get_if<FilterBlockNode>(&node)) {
    const Value text =
        filter_text(*filter->filter, capture(filter->body, scope), scope);
    out.append(to_text(text, budget_));
  } else if (const auto* with_node = std::get_if<WithNode>(&node)) {
    with(*with_node, scope, out);
  } else if (const auto* generated = std::get_if<GenerationNode>(&node)) {
    generation(*generated, scope, out);
  } else {
    return std::holds_alternative<BreakNode>(node) ? Flow::kBreak
                                                   : Flow::kContinue;
  }
  return Flow::kNormal;
}

void Evaluator::print(const PrintNode& node, Scope& scope, TextBuilder& out) {
  for (const auto& item : node.items) {
    const Value value = evaluate(*item, scope);
    if (const std::string* text = value.as_text()) {
      out.append(*text);
    } else {
      out.append(to_text(value, budget_));
    }
  }
}

Evaluator::Flow Evaluator::choose(const IfNode& node, Scope& scope,
                                  TextBuilder& out) {
  for (const auto& [test, body] : node.branches) {
    if (evaluate(*test, scope).truth()) return execute(body, scope, out);
  }
  return execute(node.otherwise, scope, out);
}

LoopState& Evaluator::make_loop(const ForNode& node, Scope& scope,
                                const Value& items, int depth) {
  budget_.take(sizeof(LoopState));
  LoopState::Accept accept;
  if (node.filter) {
    accept = [this, &node, &scope](const Value& item) {
      LocalScope local(*this, scope);
      assign(*node.target, item, *local);
      return evaluate(*node.filter, *local).truth();
    };
    scope.keep();
  }
  LoopState& loop = loops_.emplace_back(ItemSource(items, budget_),
                                        std::move(accept), budget_);
  if (node.recursive) {
    scope.keep();
    loop.make_recursive(
        [this, &node, &scope](const Value& inner, int level) {
          const Nesting nesting(budget_);
          TextBuilder text(budget_);
          ++captures_;
          run_loop(node, scope, text, make_loop(node, scope, inner, level));
          --captures_;
          return Value::text(text.finish());
        },
        depth);
  }
  return loop;
}

Evaluator::Flow Evaluator::repeat(const ForNode& node, Scope& scope,
                                  TextBuilder& out) {
  const Value items = evaluate(*node.iterable, scope);
  run_loop(node, scope, out, make_loop(node, scope, items, 0));
  return Flow::kNormal;
}

// A turn of a loop makes a scope, which takes as long as some expressions.
constexpr std::uint64_t kTurnSteps = 5;

// As in Jinja, `else` also runs when every turn of the body was cut short.
void Evaluator::run_loop(const ForNode& node, Scope& scope, TextBuilder& out,
                         LoopState& loop) {
  bool completed = false;
  while (loop.advance()) {
    budget_.step(kTurnSteps);
    LocalScope local(*this, scope);
    assign(*node.target, loop.current(), *local);
    (*local).set("loop", Value::of(&loop));
    const Flow flow = execute(node.body, *local, out);
    if (flow == Flow::kNormal) completed = true;
    if (flow == Flow::kBreak) break;
  }
  if (completed || node.otherwise.empty()) return;
  LocalScope local(*this, scope);
  execute(node.otherwise, *local, out);
}

std::string Evaluator::capture(const Statements& body, Scope& outer) {
  TextBuilder text(budget_);
  LocalScope local(*this, outer);
  ++captures_;
  execute(body, *local, text);
  --captures_;
  return text.finish();
}

void Evaluator::set_block(const SetBlockNode& node, Scope& scope) {
  std::string text = capture(node.body, scope);
  const Value value = node.filter
                          ? filter_text(*node.filter, std::move(text), scope)
                          : Value::text(std::move(text));
  assign(*node.target, value, scope);
}

void Evaluator::with(const WithNode& node, Scope& scope, TextBuilder& out) {
  LocalScope local(*this, scope);
  for (const auto& [target, value] : node.values) {
    assign(*target, evaluate(*value, scope), *local);
  }
  execute(node.body, *local, out);
}

void Evaluator::generation(const GenerationNode& node, Scope& scope,
                           TextBuilder& out) {
  const std::size_t begin = out.size();
  LocalScope local(*this, scope);
  execute(node.body, *local, out);
  if (captures_ > 0) {
    result_.lost_generation = true;
  } else {
    result_.generations.push_back({begin, out.size()});
  }
}

void Evaluator::assign(const Expression& target, const Value& value,
                       Scope& scope) {
  if (const auto* name = std::get_if<NameNode>(&target.node)) {
    scope.set(name->name, value);
  } else if (const auto* part = std::get_if<NamespaceNode>(&target.node)) {
    const Value* found = scope.find(part->name);
    const auto* space = found ? found->as<Namespace*>() : nullptr;
    if (!space) {
      throw Fault("cannot assign attribute on non-namespace object '" +
                  part->name + "'");
    }
    if (part->attribute.starts_with('_')) {
      throw Fault("an attribute of a namespace", part->attribute,
                  "no underscore in front");
    }
    (*space)->set(part->attribute, value);
  } else {
    const auto& targets = std::get<SequenceNode>(target.node).items;
    const Values items = items_of(value, budget_);
    if (items.size() != targets.size()) {
      throw Fault("values to unpack", std::to_string(items.size()),
                  std::to_string(targets.size()));
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      assign(*targets[i], items[i], scope);
    }
  }
}

Value Evaluator::make_macro(const MacroNode& node, Scope& scope) {
  budget_.take(sizeof(Scope) + 512);
  scope.keep();
  return Value::callable({"Macro '" + node.name + "'",
                          [this, &node, &scope](const Arguments& arguments) {
                            return call_macro(node, scope, arguments);
                          }});
}

Value Evaluator::call_macro(const MacroNode& node, Scope& outer,
                            const Arguments& arguments) {
  LocalScope local(*this, outer);
  bind_parameters(node, *local, arguments);
  TextBuilder text(budget_);
  ++captures_;
  execute(node.body, *local, text);
  --captures_;
  return Value::text(text.finish());
}

void Evaluator::bind_parameters(const MacroNode& node, Scope& scope,
                                const Arguments& arguments) {
  Arguments rest = arguments;
  const std::size_t count = node.parameters.size();
  const std::size_t first_default = count - node.defaults.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = node.parameters[i];
    const auto named = std::ranges::find_if(
        rest.named, [&](const auto& one) { return one.first == name; });
    if (i < arguments.positional.size()) {
      scope.set(name, arguments.positional[i]);
    } else if (named != rest.named.end()) {
      scope.set(name, named->second);
      rest.named.erase(named);
    } else if (i >= first_default) {
      scope.set(name, evaluate(*node.defaults[i - first_default], scope));
    } else {
      scope.set(name,
                Value::undefined("parameter '" + name + "' was not provided"));
    }
  }
  const std::size_t used = std::min(count, rest.positional.size());
  rest.positional.erase(
      rest.positional.begin(),
      rest.positional.begin() + static_cast<std::ptrdiff_t>(used));
  bind_rest(node, scope, std::move(rest));
}

void Evaluator::bind_rest(const MacroNode& node, Scope& scope, Arguments rest) {
  const auto caller = std::ranges::find_if(
      rest.named, [](const auto& one) { return one.first == "caller"; });
  if (node.uses_caller && !std::ranges::count(node.parameters, "caller")) {
    scope.set("caller", caller == rest.named.end()
                            ? Value::undefined("No caller defined")
                            : caller->second);
    if (caller != rest.named.end()) rest.named.erase(caller);
  }
  if (node.uses_kwargs) {
    std::vector<Entry> entries;
    for (auto& [name, value] : rest.named) {
      entries.emplace_back(Value::text(name), std::move(value));
    }
    scope.set("kwargs", Value::dict(std::move(entries)));
  } else if (!rest.named.empty()) {
    throw Fault("macro '" + node.name + "' takes no keyword argument '" +
                rest.named.front().first + "'");
  }
  if (node.uses_varargs) {
    scope.set("varargs", Value::tuple(std::move(rest.positional)));
  } else if (!rest.positional.empty()) {
    throw Fault("macro '" + node.name + "' takes not more than " +
                std::to_string(node.parameters.size()) + " arguments");
  }
}

void Evaluator::call_block(const CallBlockNode& node, Scope& scope,
                           TextBuilder& out) {
  const Value caller = make_macro(node.caller, scope);
  const Value text =
      call_value(std::get<CallNode>(node.call->node), scope, &caller);
  out.append(to_text(text, budget_));
}

}  // namespace graft::text::jinja
