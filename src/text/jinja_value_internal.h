// What expressions of a chat template compute with: Python's values, as far as
// Jinja shows them. Entry point: Value. Immutable but for iterators,
// namespaces and loops; JSON objects keep their order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace graft::text::jinja {

// What went wrong in a template; the caller adds template, line and row.
class Fault : public std::runtime_error {
 public:
  explicit Fault(const std::string& what, std::string got = "",
                 std::string expected = "")
      : std::runtime_error(what),
        got_(std::move(got)),
        expected_(std::move(expected)) {}
  const std::string& got() const { return got_; }
  const std::string& expected() const { return expected_; }

 private:
  std::string got_;
  std::string expected_;
};

// Lists in lists and dicts in dicts, and what recurses over them.
inline constexpr int kValueDepthLimit = 200;
inline constexpr std::size_t kNamespaceLimit = 1000;  // attributes

struct Sequence;
struct Dict;
struct Iterator;
struct Namespace;
struct Callable;
class LoopState;

struct Undefined {
  std::shared_ptr<const std::string> reason;
};
struct None {};
struct Text {
  std::shared_ptr<const std::string> bytes;
  bool markup = false;  // what `safe` made: escapes what is added to it
};

class Value {
 public:
  Value() = default;  // undefined, without a reason

  static Value undefined(std::string reason);
  static Value none() { return Value(None{}); }
  static Value boolean(bool value) { return Value(value); }
  static Value integer(std::int64_t value) { return Value(value); }
  static Value real(double value) { return Value(value); }
  static Value text(std::string bytes, bool markup = false);
  // Throw Fault for what is nested too deep or, in a key, cannot be hashed.
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value sequence(Sequence sequence);
  static Value iterator(std::vector<Value> items);
  static Value dict(std::vector<std::pair<Value, Value>> entries);
  static Value callable(Callable callable);
  static Value of(Namespace* space) { return Value(space); }
  static Value of(LoopState* loop) { return Value(loop); }
  static Value from_json(const nlohmann::ordered_json& json);

  // nullptr when it is something else.
  const std::string* as_text() const;
  const Sequence* as_sequence() const;
  const Sequence* as_list() const;  // a list, no tuple, range or view
  const Dict* as_dict() const;
  Iterator* as_iterator() const;
  const Callable* as_callable() const;
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&data_);
  }
  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_markup() const;
  // Numbers, with Python's booleans among them.
  bool is_number() const;
  bool is_whole() const;  // integer or boolean
  std::int64_t whole() const;
  double number() const;

  bool truth() const;
  const char* type_name() const;  // as Python calls it
  int depth() const;
  // The same object, not only an equal one.
  bool same_as(const Value& other) const;

 private:
  using Data =
      std::variant<Undefined, None, bool, std::int64_t, double, Text,
                   std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
                   std::shared_ptr<Iterator>, std::shared_ptr<const Callable>,
                   Namespace*, LoopState*>;
  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

using Values = std::vector<Value>;
using Entry = std::pair<Value, Value>;

enum class SequenceKind { kList, kTuple, kRange, kKeys, kValues, kItems };

struct Sequence {
  SequenceKind kind = SequenceKind::kList;
  Values items;
  std::string label;  // how a range is printed
  int depth = 1;
};

struct Dict {
  std::vector<Entry> entries;
  std::unordered_map<std::string, std::size_t> index;  // by hash_key
  int depth = 1;

  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
};

// A generator: read once, always true, without a length.
struct Iterator {
  Values items;
  std::size_t position = 0;
  int depth = 1;
};

// Owned by the run, so that one may hold itself.
struct Namespace {
  std::vector<std::pair<std::string, Value>> entries;

  const Value* find(std::string_view name) const;
  void set(const std::string& name, Value value);
};

struct Arguments {
  Values positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Callable {
  std::string name;
  std::function<Value(const Arguments&)> call;
  int depth = 1;
};

// Equal values have equal keys. Throws Fault when Python cannot hash it.
std::string hash_key(const Value& value);

}  // namespace graft::text::jinja
