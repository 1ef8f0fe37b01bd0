// + - * / // % ** as Python does them, on 64-bit integers; and slices.
#include <algorithm>
#include <cmath>

#include "graft/base/checked_math.h"
#include "text/jinja_format_internal.h"
#include "text/jinja_operator_internal.h"
#include "text/jinja_printer_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

[[noreturn]] void overflow() { throw Fault("an integer grows past 64 bits"); }

[[noreturn]] void unsupported(BinaryOperator op, const Value& left,
                              const Value& right) {
  throw Fault(std::string("unsupported operand types for ") + symbol(op) +
              ": " + describe(left) + " and " + describe(right));
}

void require_defined(const Value& value) {
  const Undefined* found = value.as<Undefined>();
  if (found) throw Fault(found->reason ? *found->reason : "undefined value");
}

Value floor_divide(std::int64_t a, std::int64_t b, bool remainder) {
  if (b == 0) throw Fault("integer division or modulo by zero");
  if (b == -1) {  // INT64_MIN / -1
    if (remainder) return Value::integer(0);
    if (a == INT64_MIN) overflow();
    return Value::integer(-a);
  }
  std::int64_t quotient = a / b;
  std::int64_t rest = a % b;
  if (rest != 0 && (rest < 0) != (b < 0)) {
    --quotient;
    rest += b;
  }
  return Value::integer(remainder ? rest : quotient);
}

Value whole_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) throw Fault("0.0 cannot be raised to a negative power");
    return Value::real(
        std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t out = 1;
  for (; exponent > 0; --exponent) {
    if (base == 0 || base == 1) return Value::integer(base);
    if (base == -1) return Value::integer(exponent % 2 == 0 ? 1 : -1);
    if (__builtin_mul_overflow(out, base, &out)) overflow();
  }
  return Value::integer(out);
}

Value apply_whole(BinaryOperator op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(a, b, &out)) overflow();
      return Value::integer(out);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(a, b, &out)) overflow();
      return Value::integer(out);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(a, b, &out)) overflow();
      return Value::integer(out);
    case BinaryOperator::kDivide:
      if (b == 0) throw Fault("division by zero");
      return Value::real(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOperator::kFloorDivide:
      return floor_divide(a, b, false);
    case BinaryOperator::kModulo:
      return floor_divide(a, b, true);
    default:
      return whole_power(a, b);
  }
}

double float_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest == 0.0) return std::copysign(0.0, b);
  if ((rest < 0) != (b < 0)) rest += b;
  return rest;
}

Value apply_real(BinaryOperator op, double a, double b) {
  const bool divides = op == BinaryOperator::kDivide ||
                       op == BinaryOperator::kFloorDivide ||
                       op == BinaryOperator::kModulo;
  if (divides && b == 0.0) throw Fault("float division by zero");
  switch (op) {
    case BinaryOperator::kAdd:
      return Value::real(a + b);
    case BinaryOperator::kSubtract:
      return Value::real(a - b);
    case BinaryOperator::kMultiply:
      return Value::real(a * b);
    case BinaryOperator::kDivide:
      return Value::real(a / b);
    case BinaryOperator::kFloorDivide: {
      const double rest = float_modulo(a, b);
      const double quotient = (a - rest) / b;
      return Value::real(quotient == 0.0 ? std::copysign(0.0, a / b)
                                         : std::round(quotient));
    }
    case BinaryOperator::kModulo:
      return Value::real(float_modulo(a, b));
    default:
      if (a == 0.0 && b < 0.0) {
        throw Fault("0.0 cannot be raised to a negative power");
      }
      if (a < 0.0 && std::trunc(b) != b) {
        throw Fault("complex numbers are not supported");
      }
      return Value::real(std::pow(a, b));
  }
}

std::optional<Value> join_texts(const Value& left, const Value& right,
                                Budget& budget) {
  const std::string* a = left.as_text();
  const std::string* b = right.as_text();
  if (!a || !b) return std::nullopt;
  budget.take(a->size() + b->size());
  const bool markup = left.is_markup() || right.is_markup();
  if (!markup) return Value::text(*a + *b);
  return Value::text((left.is_markup() ? *a : escape_html(*a)) +
                         (right.is_markup() ? *b : escape_html(*b)),
                     true);
}

std::optional<Value> join_lists(const Value& left, const Value& right,
                                Budget& budget) {
  const Sequence* a = left.as_sequence();
  const Sequence* b = right.as_sequence();
  if (!a || !b || a->kind != b->kind || a->kind > SequenceKind::kTuple) {
    return std::nullopt;
  }
  budget.take_values(a->items.size() + b->items.size());
  Values items = a->items;
  items.insert(items.end(), b->items.begin(), b->items.end());
  return Value::sequence({a->kind, std::move(items), "", 1});
}

std::optional<Value> repeat(const Value& value, const Value& times,
                            Budget& budget) {
  if (!times.is_whole()) return std::nullopt;
  const auto count =
      static_cast<std::uint64_t>(std::max<std::int64_t>(times.whole(), 0));
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  if (count > kMost) budget.check_length(kMost);
  if (const std::string* text = value.as_text()) {
    budget.take(text->size() * count);
    std::string out;
    if (!text->empty()) {
      for (std::uint64_t i = 0; i < count; ++i) out += *text;
    }
    return Value::text(std::move(out), value.is_markup());
  }
  const Sequence* sequence = value.as_sequence();
  if (!sequence || sequence->kind > SequenceKind::kTuple) return std::nullopt;
  budget.take_values(sequence->items.size() * count);
  Values items;
  for (std::uint64_t i = 0; i < count && !sequence->items.empty(); ++i) {
    items.insert(items.end(), sequence->items.begin(), sequence->items.end());
  }
  return Value::sequence({sequence->kind, std::move(items), "", 1});
}

// Python's rule for one bound of a slice.
std::int64_t clamp(const Value& bound, std::int64_t preset, std::int64_t size,
                   bool backwards) {
  if (bound.is_none()) return preset;
  std::int64_t at = to_whole(bound, "a slice index");
  if (at < 0) at = at < -size ? -1 : at + size;
  if (at < 0) return backwards ? -1 : 0;
  return std::min(at, backwards ? size - 1 : size);
}

// How Python prints the range that a slice of a range is; of indices.
struct IndexRange {
  std::int64_t first;
  std::int64_t end;
  std::int64_t step;
};
std::string range_label(const Sequence& range, const IndexRange& indices) {
  const Values& items = range.items;
  const std::int64_t start = items.empty() ? 0 : items[0].whole();
  const std::int64_t stride = items.size() > 1 ? items[1].whole() - start : 1;
  const auto step = static_cast<std::int64_t>(  // may wrap, only printed
      static_cast<std::uint64_t>(stride) *
      static_cast<std::uint64_t>(indices.step));
  std::string out = "range(" + std::to_string(start + indices.first * stride) +
                    ", " + std::to_string(start + indices.end * stride);
  if (step != 1) out += ", " + std::to_string(step);
  return out + ")";
}

}  // namespace

const char* symbol(BinaryOperator op) {
  static constexpr const char* kSymbols[] = {"+",  "-", "*", "/",
                                             "//", "%", "**"};
  return kSymbols[static_cast<int>(op)];
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Value apply(BinaryOperator op, const Value& left, const Value& right,
            Budget& budget) {
  require_defined(left);
  if (op == BinaryOperator::kModulo && left.as_text()) {
    return format_percent(left, right, budget);
  }
  require_defined(right);
  if (left.is_number() && right.is_number()) {
    return left.is_whole() && right.is_whole()
               ? apply_whole(op, left.whole(), right.whole())
               : apply_real(op, left.number(), right.number());
  }
  std::optional<Value> out;
  if (op == BinaryOperator::kAdd) {
    out = join_texts(left, right, budget);
    if (!out) out = join_lists(left, right, budget);
  } else if (op == BinaryOperator::kMultiply) {
    out = repeat(left, right, budget);
    if (!out) out = repeat(right, left, budget);
  }
  if (!out) unsupported(op, left, right);
  return *std::move(out);
}

Value negate(const Value& value) {
  require_defined(value);
  if (!value.is_number()) {
    throw Fault("bad operand type for unary -: " + describe(value));
  }
  if (!value.is_whole()) return Value::real(-value.number());
  if (value.whole() == INT64_MIN) overflow();
  return Value::integer(-value.whole());
}

Value slice(const Value& value, const SliceBounds& bounds, Budget& budget) {
  const std::string* text = value.as_text();
  const Sequence* sequence = value.as_sequence();
  if (!text && (!sequence || sequence->kind > SequenceKind::kRange)) {
    require_defined(value);
    throw Fault(describe(value) + " object cannot be sliced");
  }
  const std::int64_t step =
      bounds.step.is_none() ? 1 : to_whole(bounds.step, "a slice step");
  if (step == 0) throw Fault("slice step cannot be zero");
  std::vector<std::string_view> letters;
  if (text) {
    budget.take(text->size() * sizeof(std::string_view));
    letters = python::characters(*text);
  }
  const auto size =
      static_cast<std::int64_t>(text ? letters.size() : sequence->items.size());
  const bool back = step < 0;
  const std::int64_t first =
      clamp(bounds.start, back ? size - 1 : 0, size, back);
  const std::int64_t end = clamp(bounds.stop, back ? -1 : size, size, back);
  std::string chars;
  Values items;
  std::int64_t at = first;
  while (back ? at > end : at < end) {
    const auto place = static_cast<std::size_t>(at);
    text ? void(chars += letters[place])
         : items.push_back(sequence->items[place]);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  if (text) return Value::text(std::move(chars), value.is_markup());
  budget.take_values(items.size());
  std::string label;
  if (sequence->kind == SequenceKind::kRange) {
    label = range_label(*sequence, {first, end, step});
  }
  return Value::sequence({sequence->kind, std::move(items), label, 1});
}

}  // namespace graft::text::jinja
