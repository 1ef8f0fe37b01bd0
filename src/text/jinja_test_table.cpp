// The tests of `is`.
#include "text/jinja_argument_internal.h"
#include "text/jinja_filter_internal.h"
#include "text/jinja_printer_internal.h"
#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

// Bare tests take no argument.
template <bool (*Holds)(const Value&)>
bool bare(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  return Holds(call.subject);
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.as<bool>() != nullptr; }
bool is_true(const Value& value) {
  return is_boolean(value) && *value.as<bool>();
}
bool is_false(const Value& value) {
  return is_boolean(value) && !*value.as<bool>();
}
bool is_integer(const Value& value) {
  return value.is_whole() && !is_boolean(value);
}
bool is_float(const Value& value) {
  return value.is_number() && !value.is_whole();
}
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.as_text() != nullptr; }
bool is_mapping(const Value& value) { return value.as_dict() != nullptr; }
bool is_sequence(const Value& value) {
  const Sequence* sequence = value.as_sequence();
  if (sequence) return sequence->kind <= SequenceKind::kRange;
  return value.as_text() || value.as_dict() || value.is_undefined();
}
bool is_callable(const Value& value) {
  return value.as_callable() || value.as<LoopState*>() || value.is_undefined();
}
bool is_escaped(const Value& value) { return value.is_markup(); }

// Case of the letters; at least one, and none of the other.
bool has_case(const FilterCall& call, bool upper) {
  const std::string text = to_text(call.subject, call.budget());
  const std::string other = upper ? python::lower(text) : python::upper(text);
  const std::string same = upper ? python::upper(text) : python::lower(text);
  return text == same && text != other;
}
bool is_upper(const FilterCall& call) { return has_case(call, true); }
bool is_lower(const FilterCall& call) { return has_case(call, false); }

std::int64_t remainder_of(const FilterCall& call, const Value& divisor) {
  const Value rest =
      apply(BinaryOperator::kModulo, call.subject, divisor, call.budget());
  if (!rest.is_number()) throw Fault(call.name + ": the value", "", "a number");
  return rest.number() == 0.0 ? 0 : rest.number() == 1.0 ? 1 : 2;
}
bool is_odd(const FilterCall& call) {
  return remainder_of(call, Value::integer(2)) == 1;
}
bool is_even(const FilterCall& call) {
  return remainder_of(call, Value::integer(2)) == 0;
}
bool is_divisible(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"num"});
  return remainder_of(call, args.need(0)) == 0;
}

template <Comparison op>
bool compares(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"other"});
  return compare(op, call.subject, args.need(0), call.budget());
}

bool is_in(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"seq"});
  return contains(args.need(0), call.subject, call.budget());
}
bool is_same(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"other"});
  call.budget().scan(call.subject);
  return call.subject.same_as(args.need(0));
}
bool is_filter(const FilterCall& call) {
  const std::string* name = call.subject.as_text();
  return name && find_filter(*name);
}
bool is_test(const FilterCall& call) {
  const std::string* name = call.subject.as_text();
  return name && find_test(*name);
}

using TestTable = std::map<std::string_view, Test>;

TestTable make_type_tests() {
  return {{"defined", bare<is_defined>},   {"undefined", bare<is_undefined>},
          {"none", bare<is_none>},         {"boolean", bare<is_boolean>},
          {"true", bare<is_true>},         {"false", bare<is_false>},
          {"integer", bare<is_integer>},   {"float", bare<is_float>},
          {"number", bare<is_number>},     {"string", bare<is_string>},
          {"mapping", bare<is_mapping>},   {"sequence", bare<is_sequence>},
          {"iterable", bare<is_iterable>}, {"callable", bare<is_callable>},
          {"escaped", bare<is_escaped>}};
}

TestTable make_value_tests() {
  return {{"upper", is_upper},
          {"lower", is_lower},
          {"odd", is_odd},
          {"even", is_even},
          {"divisibleby", is_divisible},
          {"in", is_in},
          {"sameas", is_same},
          {"filter", is_filter},
          {"test", is_test},
          {"==", compares<Comparison::kEqual>},
          {"eq", compares<Comparison::kEqual>},
          {"equalto", compares<Comparison::kEqual>},
          {"!=", compares<Comparison::kNotEqual>},
          {"ne", compares<Comparison::kNotEqual>},
          {">", compares<Comparison::kGreater>},
          {"gt", compares<Comparison::kGreater>},
          {"greaterthan", compares<Comparison::kGreater>},
          {">=", compares<Comparison::kGreaterEqual>},
          {"ge", compares<Comparison::kGreaterEqual>},
          {"<", compares<Comparison::kLess>},
          {"lt", compares<Comparison::kLess>},
          {"lessthan", compares<Comparison::kLess>},
          {"<=", compares<Comparison::kLessEqual>},
          {"le", compares<Comparison::kLessEqual>}};
}

}  // namespace

Test find_test(std::string_view name) {
  static const TestTable table = [] {
    TestTable out = make_type_tests();
    out.merge(make_value_tests());
    return out;
  }();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

bool Evaluator::apply_test(const std::string& name, const Value& subject,
                           const Arguments& arguments) {
  budget_.step();
  const Test test = find_test(name);
  if (!test) throw Fault("no test has the name '" + name + "'");
  return test({*this, name, subject, arguments});
}

}  // namespace graft::text::jinja
