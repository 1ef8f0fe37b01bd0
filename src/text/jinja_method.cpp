// Methods of mappings and sequences; strings have a file of their own.
#include "text/jinja_method_internal.h"

#include <algorithm>
#include <array>

#include "text/jinja_argument_internal.h"
#include "text/jinja_missing_internal.h"

namespace graft::text::jinja {
namespace {

constexpr std::array<std::string_view, 5> kDictChanges = {
    "clear", "pop", "popitem", "setdefault", "update"};
constexpr std::array<std::string_view, 8> kListChanges = {
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};

Value unsafe(const Value& value, const std::string& name) {
  return Value::undefined("access to attribute '" + name + "' of " +
                          describe(value) + " object is unsafe");
}

Value view(const Dict& dict, SequenceKind kind, Budget& budget) {
  budget.take_values(dict.entries.size() * 4);
  Values items;
  for (const auto& [key, value] : dict.entries) {
    items.push_back(kind == SequenceKind::kKeys ? key
                    : kind == SequenceKind::kValues
                        ? value
                        : Value::tuple({key, value}));
  }
  return Value::sequence({kind, std::move(items), "", 1});
}

Value call_dict(Evaluator& run, const Value& self, const std::string& name,
                const Arguments& arguments) {
  const Dict& dict = *self.as_dict();
  if (name == "get") {
    const ArgumentReader args(name, arguments, {"key", "default"});
    run.budget().scan(args.need(0));
    const Value* found = dict.find(args.need(0));
    if (found) return *found;
    return args.find(1) ? *args.find(1) : Value::none();
  }
  const ArgumentReader args(name, arguments, {});
  if (name == "items") return view(dict, SequenceKind::kItems, run.budget());
  if (name == "keys") return view(dict, SequenceKind::kKeys, run.budget());
  if (name == "values") {
    return view(dict, SequenceKind::kValues, run.budget());
  }
  return self;  // copy
}

Value call_sequence(Evaluator& run, const Value& self, const std::string& name,
                    const Arguments& arguments) {
  const Values& items = self.as_sequence()->items;
  if (name == "copy") return self;
  const ArgumentReader args(name, arguments, {"value"});
  std::int64_t count = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!equal(items[i], args.need(0), run.budget())) continue;
    if (name == "index") return Value::integer(static_cast<std::int64_t>(i));
    ++count;
  }
  if (name == "index") throw Fault("index: the value is not in the list");
  return Value::integer(count);
}

using Method = Value (*)(Evaluator&, const Value&, const std::string&,
                         const Arguments&);

Value bind(Evaluator& run, const Value& self, const std::string& name,
           Method method) {
  return Value::callable({"built-in method " + name + " of " +
                              std::string(self.type_name()) + " object",
                          [&run, self, name, method](const Arguments& given) {
                            run.budget().step();
                            return method(run, self, name, given);
                          },
                          self.depth() + 1});
}

std::optional<Value> dict_attribute(Evaluator& run, const Value& value,
                                    const std::string& name) {
  if (std::ranges::count(kDictChanges, name)) return unsafe(value, name);
  static constexpr std::array<std::string_view, 5> kMethods = {
      "get", "items", "keys", "values", "copy"};
  if (!std::ranges::count(kMethods, name)) return std::nullopt;
  return bind(run, value, name, call_dict);
}

std::optional<Value> sequence_attribute(Evaluator& run, const Value& value,
                                        const std::string& name) {
  const SequenceKind kind = value.as_sequence()->kind;
  if (kind == SequenceKind::kList && std::ranges::count(kListChanges, name)) {
    return unsafe(value, name);
  }
  const bool has_method =
      ((name == "index" || name == "count") && kind <= SequenceKind::kRange) ||
      (name == "copy" && kind == SequenceKind::kList);
  if (!has_method) return std::nullopt;
  return bind(run, value, name, call_sequence);
}

Value call_text(Evaluator& run, const Value& self, const std::string& name,
                const Arguments& arguments) {
  TextMethod method = find_text_method(name);
  if (!method) method = find_text_question(name);
  run.budget().scan(self.as_text()->size());
  return method({run, name, self, arguments});
}

}  // namespace

std::optional<Value> find_attribute(Evaluator& run, const Value& value,
                                    const std::string& name) {
  if (const auto* loop = value.as<LoopState*>()) {
    return (*loop)->attribute(name);
  }
  if (const auto* space = value.as<Namespace*>()) {
    const Value* found = (*space)->find(name);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (name.starts_with("__")) return unsafe(value, name);
  refuse_missing_attribute(value, name);
  if (value.as_dict()) return dict_attribute(run, value, name);
  if (value.as_sequence()) return sequence_attribute(run, value, name);
  if (!value.as_text()) return std::nullopt;
  if (!find_text_method(name) && !find_text_question(name)) {
    return std::nullopt;
  }
  return bind(run, value, name, call_text);
}

}  // namespace graft::text::jinja
