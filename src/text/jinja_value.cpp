// Construction and the questions that need no budget.
#include "text/jinja_value_internal.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace graft::text::jinja {
namespace {

int checked_depth(int inner) {
  if (inner >= kValueDepthLimit) {
    throw Fault("values nested deeper than " +
                std::to_string(kValueDepthLimit) + " levels");
  }
  return inner + 1;
}

int depth_of(const Values& items) {
  int out = 0;
  for (const Value& item : items) out = std::max(out, item.depth());
  return checked_depth(out);
}

void append_key(const Value& value, std::string& out);

void append_number_key(double value, std::string& out) {
  if (std::trunc(value) == value && std::abs(value) < 9.2e18) {
    out += "i" + std::to_string(static_cast<std::int64_t>(value)) + ";";
  } else {
    out += "f" + std::to_string(std::hash<double>{}(value)) + ":" +
           std::to_string(value) + ";";
  }
}

void append_tuple_key(const Sequence& tuple, std::string& out) {
  constexpr std::size_t kKeyLimit = std::size_t{1} << 20;
  out += "(";
  for (const Value& item : tuple.items) {
    append_key(item, out);
    if (out.size() > kKeyLimit) throw Fault("a key is too large");
  }
  out += ")";
}

void append_key(const Value& value, std::string& out) {
  if (const std::string* text = value.as_text()) {
    out += "s" + std::to_string(text->size()) + ":" + *text;
  } else if (value.is_whole()) {
    out += "i" + std::to_string(value.whole()) + ";";
  } else if (value.is_number()) {
    append_number_key(value.number(), out);
  } else if (value.is_none() || value.is_undefined()) {
    out += value.is_none() ? "n" : "u";
  } else if (const Sequence* tuple = value.as_sequence();
             tuple && tuple->kind == SequenceKind::kTuple) {
    append_tuple_key(*tuple, out);
  } else if (const Sequence* range = value.as_sequence();
             range && range->kind == SequenceKind::kRange) {
    out += "r" + range->label;
  } else {
    throw Fault(std::string("unhashable type: '") + value.type_name() + "'");
  }
}

}  // namespace

std::string hash_key(const Value& value) {
  std::string out;
  append_key(value, out);
  return out;
}

const Value* Dict::find(const Value& key) const {
  const auto found = index.find(hash_key(key));
  return found == index.end() ? nullptr : &entries[found->second].second;
}

const Value* Dict::find(std::string_view key) const {
  const auto found =
      index.find("s" + std::to_string(key.size()) + ":" + std::string(key));
  return found == index.end() ? nullptr : &entries[found->second].second;
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [key, value] : entries) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Namespace::set(const std::string& name, Value value) {
  for (auto& [key, old] : entries) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  if (entries.size() >= kNamespaceLimit) {
    throw Fault("a namespace of too many attributes", "",
                "at most " + std::to_string(kNamespaceLimit));
  }
  entries.emplace_back(name, std::move(value));
}

Value Value::undefined(std::string reason) {
  return Value(Undefined{std::make_shared<const std::string>(reason)});
}

Value Value::text(std::string bytes, bool markup) {
  return Value(
      Text{std::make_shared<const std::string>(std::move(bytes)), markup});
}

Value Value::sequence(Sequence sequence) {
  sequence.depth = depth_of(sequence.items);
  return Value(std::make_shared<const Sequence>(std::move(sequence)));
}

Value Value::list(Values items) {
  return sequence({SequenceKind::kList, std::move(items), "", 1});
}

Value Value::tuple(Values items) {
  return sequence({SequenceKind::kTuple, std::move(items), "", 1});
}

Value Value::iterator(Values items) {
  auto out = std::make_shared<Iterator>();
  out->depth = depth_of(items);
  out->items = std::move(items);
  return Value(std::move(out));
}

// A key that comes again keeps its place and takes the new value.
Value Value::dict(std::vector<Entry> entries) {
  auto out = std::make_shared<Dict>();
  int depth = 0;
  for (Entry& entry : entries) {
    depth = std::max({depth, entry.first.depth(), entry.second.depth()});
    const auto [place, is_new] =
        out->index.emplace(hash_key(entry.first), out->entries.size());
    if (is_new) {
      out->entries.push_back(std::move(entry));
    } else {
      out->entries[place->second].second = std::move(entry.second);
    }
  }
  out->depth = checked_depth(depth);
  return Value(std::shared_ptr<const Dict>(std::move(out)));
}

Value Value::callable(Callable callable) {
  callable.depth = checked_depth(callable.depth);
  return Value(std::make_shared<const Callable>(std::move(callable)));
}

Value Value::from_json(const nlohmann::ordered_json& json) {
  using Kind = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Kind::boolean:
      return boolean(json.get<bool>());
    case Kind::number_integer:
      return integer(json.get<std::int64_t>());
    case Kind::number_unsigned:
      if (json.get<std::uint64_t>() > INT64_MAX) {
        throw Fault("an integer", json.dump(), "at most 2^63 - 1");
      }
      return integer(json.get<std::int64_t>());
    case Kind::number_float:
      return real(json.get<double>());
    case Kind::string:
      return text(json.get<std::string>());
    case Kind::array: {
      Values items;
      for (const auto& item : json) items.push_back(from_json(item));
      return list(std::move(items));
    }
    case Kind::object: {
      std::vector<Entry> entries;
      for (const auto& [key, value] : json.items()) {
        entries.emplace_back(text(key), from_json(value));
      }
      return dict(std::move(entries));
    }
    default:
      return none();
  }
}

const std::string* Value::as_text() const {
  const Text* text = std::get_if<Text>(&data_);
  return text ? text->bytes.get() : nullptr;
}

const Sequence* Value::as_sequence() const {
  const auto* found = std::get_if<std::shared_ptr<const Sequence>>(&data_);
  return found ? found->get() : nullptr;
}

const Sequence* Value::as_list() const {
  const Sequence* found = as_sequence();
  return found && found->kind == SequenceKind::kList ? found : nullptr;
}

const Dict* Value::as_dict() const {
  const auto* found = std::get_if<std::shared_ptr<const Dict>>(&data_);
  return found ? found->get() : nullptr;
}

Iterator* Value::as_iterator() const {
  const auto* found = std::get_if<std::shared_ptr<Iterator>>(&data_);
  return found ? found->get() : nullptr;
}

const Callable* Value::as_callable() const {
  const auto* found = std::get_if<std::shared_ptr<const Callable>>(&data_);
  return found ? found->get() : nullptr;
}

bool Value::is_markup() const {
  const Text* text = std::get_if<Text>(&data_);
  return text && text->markup;
}

bool Value::is_whole() const {
  return std::holds_alternative<bool>(data_) ||
         std::holds_alternative<std::int64_t>(data_);
}

bool Value::is_number() const {
  return is_whole() || std::holds_alternative<double>(data_);
}

std::int64_t Value::whole() const {
  if (const bool* flag = std::get_if<bool>(&data_)) return *flag ? 1 : 0;
  return std::get<std::int64_t>(data_);
}

double Value::number() const {
  if (is_whole()) return static_cast<double>(whole());
  return std::get<double>(data_);
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return number() != 0.0;
  if (const std::string* text = as_text()) return !text->empty();
  if (const Sequence* items = as_sequence()) return !items->items.empty();
  if (const Dict* dict = as_dict()) return !dict->entries.empty();
  return true;
}

const char* Value::type_name() const {
  static constexpr const char* kSequences[] = {
      "list", "tuple", "range", "dict_keys", "dict_values", "dict_items"};
  static constexpr const char* kNames[] = {
      "Undefined", "NoneType", "bool",      "int",      "float",     "str",
      "list",      "dict",     "generator", "function", "Namespace", "loop"};
  if (const Sequence* sequence = as_sequence()) {
    return kSequences[static_cast<int>(sequence->kind)];
  }
  return is_markup() ? "Markup" : kNames[data_.index()];
}

int Value::depth() const {
  if (const Sequence* sequence = as_sequence()) return sequence->depth;
  if (const Dict* dict = as_dict()) return dict->depth;
  if (const Iterator* iterator = as_iterator()) return iterator->depth;
  if (const Callable* callable = as_callable()) return callable->depth;
  return 0;
}

bool Value::same_as(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        using T = std::decay_t<decltype(mine)>;
        const T& theirs = std::get<T>(other.data_);
        if constexpr (std::is_same_v<T, None>) {
          return true;
        } else if constexpr (std::is_same_v<T, Undefined>) {
          return false;
        } else if constexpr (std::is_same_v<T, Text>) {
          return *mine.bytes == *theirs.bytes;  // Python interns most of them
        } else {
          return mine == theirs;
        }
      },
      data_);
}

}  // namespace graft::text::jinja
