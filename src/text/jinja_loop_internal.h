// Items one after the other, and the `loop` variable. Entry points: ItemSource,
// items_of, LoopState.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "text/jinja_budget_internal.h"

namespace graft::text::jinja {

// What a `for` or a filter walks over: items, keys, characters, or what is
// left of an iterator.
class ItemSource {
 public:
  // Throws Fault for what cannot be iterated.
  ItemSource(Value value, Budget& budget);

  std::optional<Value> next();
  // nullopt for an iterator.
  std::optional<std::size_t> size() const;

 private:
  Value value_;
  Values made_;
  const Values* items_ = nullptr;
  Iterator* iterator_ = nullptr;
  std::size_t position_ = 0;
};

bool is_iterable(const Value& value);
Values items_of(const Value& value, Budget& budget);

class LoopState {
 public:
  using Accept = std::function<bool(const Value&)>;
  using Recurse = std::function<Value(const Value&, int depth)>;

  // `accept` may be empty; it is asked as late as Jinja asks.
  LoopState(ItemSource source, Accept accept, Budget& budget)
      : source_(std::move(source)),
        accept_(std::move(accept)),
        budget_(budget) {}

  void make_recursive(Recurse recurse, int depth) {
    recurse_ = std::move(recurse);
    depth0_ = depth;
  }

  bool advance();
  const Value& current() const { return current_; }

  // nullopt when a loop has no such attribute.
  std::optional<Value> attribute(std::string_view name);
  Value call(const Arguments& arguments);
  std::int64_t length();
  std::string repr();

 private:
  std::optional<Value> pull();
  bool has_next();
  std::optional<Value> neighbour(std::string_view name);
  std::optional<Value> method(std::string_view name);

  ItemSource source_;
  Accept accept_;
  Budget& budget_;
  Recurse recurse_;
  int depth0_ = 0;
  std::int64_t index0_ = -1;
  Value current_;
  Value before_;
  std::optional<Value> after_;
  bool exhausted_ = false;
  Values rest_;  // materialised by length()
  std::size_t rest_position_ = 0;
  bool has_rest_ = false;
  std::optional<std::int64_t> length_;
  std::optional<Value> last_changed_;
};

}  // namespace graft::text::jinja
