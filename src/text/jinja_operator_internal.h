// Python's operators on template values. Entry points: the functions below;
// all throw Fault with Python's meaning of the mistake.
#pragma once

#include <optional>
#include <string_view>

#include "text/jinja_budget_internal.h"

namespace graft::text::jinja {

enum class BinaryOperator {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower
};
enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

const char* symbol(BinaryOperator op);

bool equal(const Value& left, const Value& right, Budget& budget);
bool compare(Comparison op, const Value& left, const Value& right,
             Budget& budget);
// `item in container`.
bool contains(const Value& container, const Value& item, Budget& budget);

Value apply(BinaryOperator op, const Value& left, const Value& right,
            Budget& budget);
Value negate(const Value& value);

// len(value); Fault when it has none.
std::size_t length_of(const Value& value);

struct SliceBounds {
  Value start = Value::none();
  Value stop = Value::none();
  Value step = Value::none();
};
Value slice(const Value& value, const SliceBounds& bounds, Budget& budget);

// value[index], nullopt where Python raises LookupError or TypeError.
std::optional<Value> find_item(const Value& value, const Value& index);

// HTML's five characters as entities, once.
std::string escape_html(std::string_view text);

// "'int' object", for messages.
std::string describe(const Value& value);

// A whole number, or Fault naming `what`.
std::int64_t to_whole(const Value& value, const char* what);

}  // namespace graft::text::jinja
