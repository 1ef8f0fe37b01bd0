// Comparison and containment; arithmetic is in jinja_arithmetic.cpp.
#include "text/jinja_operator_internal.h"

#include <algorithm>

#include "text/jinja_loop_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

bool equal_items(const Values& left, const Values& right, Budget& budget) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!equal(left[i], right[i], budget)) return false;
  }
  return true;
}

bool equal_dicts(const Dict& left, const Dict& right, Budget& budget) {
  if (left.entries.size() != right.entries.size()) return false;
  for (const auto& [key, value] : left.entries) {
    const Value* other = right.find(key);
    if (!other || !equal(value, *other, budget)) return false;
  }
  return true;
}

int sign(bool less, bool greater) { return less ? -1 : greater ? 1 : 0; }

std::optional<int> order(const Value& left, const Value& right,
                         Budget& budget) {
  budget.step();
  const std::string* a = left.as_text();
  const std::string* b = right.as_text();
  if (a && b) {
    budget.scan(std::min(a->size(), b->size()));
    return sign(*a < *b, *b < *a);
  }
  if (left.is_whole() && right.is_whole()) {
    return sign(left.whole() < right.whole(), right.whole() < left.whole());
  }
  if (left.is_number() && right.is_number()) {
    return sign(left.number() < right.number(), right.number() < left.number());
  }
  const Sequence* x = left.as_sequence();
  const Sequence* y = right.as_sequence();
  if (!x || !y || x->kind != y->kind || x->kind > SequenceKind::kTuple) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < x->items.size() && i < y->items.size(); ++i) {
    if (equal(x->items[i], y->items[i], budget)) continue;
    return order(x->items[i], y->items[i], budget);
  }
  return sign(x->items.size() < y->items.size(),
              y->items.size() < x->items.size());
}

const char* symbol(Comparison op) {
  static constexpr const char* kSymbols[] = {
      "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
  return kSymbols[static_cast<int>(op)];
}

}  // namespace

std::string describe(const Value& value) {
  return std::string("'") + value.type_name() + "'";
}

bool equal(const Value& left, const Value& right, Budget& budget) {
  budget.step();
  if (left.is_number() && right.is_number()) {
    if (left.is_whole() && right.is_whole()) {
      return left.whole() == right.whole();
    }
    return left.number() == right.number();
  }
  if (left.is_undefined() && right.is_undefined()) return true;
  const std::string* a = left.as_text();
  const std::string* b = right.as_text();
  if (a && b) {
    budget.scan(std::min(a->size(), b->size()));
    return *a == *b;
  }
  if (left.same_as(right)) return true;
  const Sequence* x = left.as_sequence();
  const Sequence* y = right.as_sequence();
  if (x && y && x->kind == y->kind && x->kind != SequenceKind::kValues) {
    return equal_items(x->items, y->items, budget);
  }
  const Dict* p = left.as_dict();
  const Dict* q = right.as_dict();
  return p && q && equal_dicts(*p, *q, budget);
}

bool compare(Comparison op, const Value& left, const Value& right,
             Budget& budget) {
  if (op == Comparison::kEqual) return equal(left, right, budget);
  if (op == Comparison::kNotEqual) return !equal(left, right, budget);
  if (op == Comparison::kIn) return contains(right, left, budget);
  if (op == Comparison::kNotIn) return !contains(right, left, budget);
  const auto ordered = order(left, right, budget);
  if (!ordered) {
    throw Fault(std::string("'") + symbol(op) + "' not supported between " +
                describe(left) + " and " + describe(right));
  }
  switch (op) {
    case Comparison::kLess:
      return *ordered < 0;
    case Comparison::kLessEqual:
      return *ordered <= 0;
    case Comparison::kGreater:
      return *ordered > 0;
    default:
      return *ordered >= 0;
  }
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  if (const std::string* text = container.as_text()) {
    const std::string* part = item.as_text();
    if (!part) {
      throw Fault("'in <string>' requires string as left operand, not " +
                  std::string(item.type_name()));
    }
    budget.step(1 + text->size() / 64 * (1 + part->size() / 64));
    return text->find(*part) != std::string::npos;
  }
  budget.scan(item);
  if (const Dict* dict = container.as_dict()) return dict->find(item);
  if (!is_iterable(container)) {
    throw Fault("argument of type " + describe(container) + " is not iterable");
  }
  ItemSource source(container, budget);
  while (const auto next = source.next()) {
    if (equal(*next, item, budget)) return true;
  }
  return false;
}

std::size_t length_of(const Value& value) {
  if (const std::string* text = value.as_text()) {
    return python::char_count(*text);
  }
  if (const Sequence* sequence = value.as_sequence()) {
    return sequence->items.size();
  }
  if (const Dict* dict = value.as_dict()) return dict->entries.size();
  if (const auto* loop = value.as<LoopState*>()) {
    return static_cast<std::size_t>((*loop)->length());
  }
  if (value.is_undefined()) return 0;
  throw Fault("object of type " + describe(value) + " has no len()");
}

std::int64_t to_whole(const Value& value, const char* what) {
  if (!value.is_whole()) throw Fault(what, describe(value), "an integer");
  return value.whole();
}

std::optional<Value> find_item(const Value& value, const Value& index) {
  if (const Dict* dict = value.as_dict()) {
    const bool unhashable = index.as_dict() || index.as_list();
    const Value* found = unhashable ? nullptr : dict->find(index);
    return found ? std::optional(*found) : std::nullopt;
  }
  if (!index.is_whole()) return std::nullopt;
  const std::string* text = value.as_text();
  const Sequence* sequence = value.as_sequence();
  if (!text && (!sequence || sequence->kind > SequenceKind::kRange)) {
    return std::nullopt;
  }
  const auto size = static_cast<std::int64_t>(length_of(value));
  std::int64_t at = index.whole();
  if (at < 0) at += size;
  if (at < 0 || at >= size) return std::nullopt;
  const auto place = static_cast<std::size_t>(at);
  if (sequence) return sequence->items[place];
  const std::size_t begin = python::byte_of(*text, place);
  const std::string_view rest = std::string_view(*text).substr(begin);
  return Value::text(std::string(rest.substr(0, python::byte_of(rest, 1))),
                     value.is_markup());
}

}  // namespace graft::text::jinja
