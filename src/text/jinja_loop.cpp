// Iteration that looks no further ahead than Jinja does.
#include "text/jinja_loop_internal.h"

#include "text/jinja_operator_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {

ItemSource::ItemSource(Value value, Budget& budget) : value_(std::move(value)) {
  iterator_ = value_.as_iterator();
  if (iterator_ || value_.is_undefined()) return;
  if (const Sequence* sequence = value_.as_sequence()) {
    items_ = &sequence->items;
    return;
  }
  if (const Dict* dict = value_.as_dict()) {
    budget.take_values(dict->entries.size());
    for (const Entry& entry : dict->entries) made_.push_back(entry.first);
  } else if (const std::string* text = value_.as_text()) {
    budget.take_values(text->size());
    for (const std::string_view one : python::characters(*text)) {
      made_.push_back(Value::text(std::string(one)));
    }
  } else {
    throw Fault(std::string("'") + value_.type_name() +
                "' object is not iterable");
  }
}

std::optional<Value> ItemSource::next() {
  if (iterator_) {
    if (iterator_->position == iterator_->items.size()) return std::nullopt;
    return iterator_->items[iterator_->position++];
  }
  const Values& items = items_ ? *items_ : made_;
  if (position_ == items.size()) return std::nullopt;
  return items[position_++];
}

std::optional<std::size_t> ItemSource::size() const {
  if (iterator_) return std::nullopt;
  return items_ ? items_->size() : made_.size();
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.as_text() || value.as_sequence() ||
         value.as_dict() || value.as_iterator();
}

Values items_of(const Value& value, Budget& budget) {
  ItemSource source(value, budget);
  Values out;
  while (auto item = source.next()) {
    budget.step();
    out.push_back(*std::move(item));
  }
  budget.take_values(out.size());
  return out;
}

std::optional<Value> LoopState::pull() {
  if (has_rest_) {
    if (rest_position_ == rest_.size()) return std::nullopt;
    return rest_[rest_position_++];
  }
  while (auto item = source_.next()) {
    if (!accept_ || accept_(*item)) return item;
  }
  return std::nullopt;
}

bool LoopState::has_next() {
  if (!after_ && !exhausted_) {
    after_ = pull();
    exhausted_ = !after_;
  }
  return after_.has_value();
}

bool LoopState::advance() {
  if (!has_next()) return false;
  ++index0_;
  before_ = std::exchange(current_, *std::move(after_));
  after_.reset();
  return true;
}

std::int64_t LoopState::length() {
  if (length_) return *length_;
  const auto size = source_.size();
  if (size && !accept_) {
    length_ = static_cast<std::int64_t>(*size);
    return *length_;
  }
  Values rest;
  while (auto item = pull()) rest.push_back(*std::move(item));
  rest_ = std::move(rest);
  rest_position_ = 0;
  has_rest_ = true;
  length_ =
      static_cast<std::int64_t>(rest_.size()) + index0_ + 1 + (after_ ? 1 : 0);
  return *length_;
}

std::optional<Value> LoopState::neighbour(std::string_view name) {
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "last") return Value::boolean(!has_next());
  if (name == "previtem") {
    return index0_ == 0 ? Value::undefined("there is no previous item")
                        : before_;
  }
  if (name == "nextitem") {
    return has_next() ? *after_ : Value::undefined("there is no next item");
  }
  return std::nullopt;
}

std::optional<Value> LoopState::method(std::string_view name) {
  if (name == "cycle") {
    return Value::callable(
        {"loop.cycle", [this](const Arguments& arguments) {
           const Values& items = arguments.positional;
           if (items.empty()) {
             throw Fault("no items for cycling given");
           }
           return items[static_cast<std::size_t>(index0_) % items.size()];
         }});
  }
  if (name != "changed") return std::nullopt;
  return Value::callable(
      {"loop.changed", [this](const Arguments& arguments) {
         const Value now = Value::tuple(arguments.positional);
         const bool changed =
             !last_changed_ || !equal(*last_changed_, now, budget_);
         last_changed_ = now;
         return Value::boolean(changed);
       }});
}

std::optional<Value> LoopState::attribute(std::string_view name) {
  if (name == "index") return Value::integer(index0_ + 1);
  if (name == "index0") return Value::integer(index0_);
  if (name == "length") return Value::integer(length());
  if (name == "revindex") return Value::integer(length() - index0_);
  if (name == "revindex0") return Value::integer(length() - index0_ - 1);
  if (name == "depth") return Value::integer(depth0_ + 1);
  if (name == "depth0") return Value::integer(depth0_);
  if (auto found = neighbour(name)) return found;
  return method(name);
}

Value LoopState::call(const Arguments& arguments) {
  if (!recurse_) {
    throw Fault(
        "the loop must have the 'recursive' marker to be called recursively");
  }
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    throw Fault("loop(...)", "", "one argument");
  }
  return recurse_(arguments.positional.front(), depth0_ + 1);
}

std::string LoopState::repr() {
  return "<LoopContext " + std::to_string(index0_ + 1) + "/" +
         std::to_string(length()) + ">";
}

}  // namespace graft::text::jinja
