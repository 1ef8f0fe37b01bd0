// Filters over items, and those that give items.
#include <algorithm>
#include <set>

#include "text/jinja_argument_internal.h"
#include "text/jinja_filter_internal.h"
#include "text/jinja_printer_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

Value fold_case(const Value& value, bool case_sensitive) {
  const std::string* text = value.as_text();
  return text && !case_sensitive ? Value::text(python::lower(*text)) : value;
}

Value filter_length(const FilterCall& call) {
  return Value::integer(static_cast<std::int64_t>(length_of(call.subject)));
}

Value filter_list(const FilterCall& call) {
  return Value::list(items_of(call.subject, call.budget()));
}

Value filter_first(const FilterCall& call) {
  ItemSource source(call.subject, call.budget());
  auto item = source.next();
  return item ? *item : Value::undefined("No first item, sequence was empty.");
}

Value filter_last(const FilterCall& call) {
  if (call.subject.as_iterator()) {
    throw Fault("'generator' object is not reversible");
  }
  const Values items = items_of(call.subject, call.budget());
  if (items.empty()) {
    return Value::undefined("No last item, sequence was empty.");
  }
  return call.subject.is_markup() ? Value::text(*items.back().as_text(), true)
                                  : items.back();
}

Value filter_reverse(const FilterCall& call) {
  Budget& budget = call.budget();
  if (const std::string* text = call.subject.as_text()) {
    budget.take(text->size() * sizeof(std::string_view));
    auto letters = python::characters(*text);
    std::string out;
    for (auto at = letters.rbegin(); at != letters.rend(); ++at) out += *at;
    return Value::text(std::move(out), call.subject.is_markup());
  }
  const bool is_generator = call.subject.as_iterator() != nullptr;
  Values items = items_of(call.subject, budget);
  std::ranges::reverse(items);
  return is_generator ? Value::list(std::move(items))
                      : Value::iterator(std::move(items));
}

Value filter_join(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"d", "attribute"});
  const std::string separator =
      args.find(0) ? to_text(*args.find(0), call.budget()) : "";
  const Value* path = args.find(1);
  ItemSource source(call.subject, call.budget());
  TextBuilder out(call.budget());
  bool is_first = true;
  while (auto item = source.next()) {
    call.budget().step();
    if (!is_first) out.append(separator);
    is_first = false;
    if (path && !path->is_none()) item = get_path(call.run, *item, *path);
    const std::string* text = item->as_text();
    out.append(text ? *text : to_text(*item, call.budget()));
  }
  return Value::text(out.finish());
}

Value filter_items(const FilterCall& call) {
  if (call.subject.is_undefined()) return Value::iterator({});
  const Dict* dict = call.subject.as_dict();
  if (!dict) {
    throw Fault("items: the value", describe(call.subject), "a mapping");
  }
  call.budget().take_values(dict->entries.size() * 4);
  Values out;
  for (const auto& [key, value] : dict->entries) {
    out.push_back(Value::tuple({key, value}));
  }
  return Value::iterator(std::move(out));
}

struct Keyed {
  Values keys;
  Value item;
};

void sort_keyed(std::vector<Keyed>& items, bool reverse, Budget& budget) {
  auto less = [&](const Keyed& a, const Keyed& b) {
    const Value x = a.keys.size() == 1 ? a.keys[0] : Value::list(a.keys);
    const Value y = b.keys.size() == 1 ? b.keys[0] : Value::list(b.keys);
    return compare(Comparison::kLess, x, y, budget);
  };
  // Equal items keep their order either way, as Python's sort does it.
  std::ranges::stable_sort(items, [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(b, a) : less(a, b);
  });
}

Value filter_sort(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = args.flag(1, false);
  Values paths{args.find(2) ? *args.find(2) : Value::none()};
  if (const std::string* text = paths[0].as_text()) {
    const auto parts = python::split(*text, ",", -1, false);
    paths.clear();
    for (const auto part : parts) {
      paths.push_back(Value::text(std::string(part)));
    }
  }
  std::vector<Keyed> items;
  for (Value& item : items_of(call.subject, call.budget())) {
    Keyed& out = items.emplace_back(Keyed{{}, item});
    for (const Value& path : paths) {
      out.keys.push_back(
          fold_case(get_path(call.run, item, path), case_sensitive));
    }
  }
  sort_keyed(items, args.flag(0, false), call.budget());
  Values out;
  for (Keyed& one : items) out.push_back(std::move(one.item));
  return Value::list(std::move(out));
}

Value filter_dictsort(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"case_sensitive", "by", "reverse"});
  const Dict* dict = call.subject.as_dict();
  if (!dict) {
    throw Fault("dictsort: the value", describe(call.subject), "a mapping");
  }
  const std::string by = args.find_text(1) ? *args.find_text(1) : "key";
  if (by != "key" && by != "value") {
    throw Fault("dictsort: argument 'by'", by, "key or value");
  }
  std::vector<Keyed> items;
  for (const auto& [key, value] : dict->entries) {
    items.push_back(
        {{fold_case(by == "key" ? key : value, args.flag(0, false))},
         Value::tuple({key, value})});
  }
  sort_keyed(items, args.flag(2, false), call.budget());
  Values out;
  for (Keyed& one : items) out.push_back(std::move(one.item));
  return Value::list(std::move(out));
}

Value filter_unique(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"case_sensitive", "attribute"});
  std::set<std::string> seen;
  Values out;
  for (Value& item : items_of(call.subject, call.budget())) {
    const Value key =
        fold_case(args.find(1) ? get_path(call.run, item, *args.find(1)) : item,
                  args.flag(0, false));
    call.budget().scan(key);
    if (seen.insert(hash_key(key)).second) out.push_back(std::move(item));
  }
  return Value::iterator(std::move(out));
}

Value find_extreme(const FilterCall& call, Comparison wanted) {
  const ArgumentReader args(call.name, call.arguments,
                            {"case_sensitive", "attribute"});
  std::optional<Value> best;
  Value best_key;
  for (Value& item : items_of(call.subject, call.budget())) {
    const Value key =
        fold_case(args.find(1) ? get_path(call.run, item, *args.find(1)) : item,
                  args.flag(0, false));
    if (best && !compare(wanted, key, best_key, call.budget())) continue;
    best = item;
    best_key = key;
  }
  return best ? *best
              : Value::undefined("No aggregated item, sequence was empty.");
}

Value filter_min(const FilterCall& call) {
  return find_extreme(call, Comparison::kLess);
}
Value filter_max(const FilterCall& call) {
  return find_extreme(call, Comparison::kGreater);
}

Value filter_sum(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"attribute", "start"});
  Value out = args.find(1) ? *args.find(1) : Value::integer(0);
  if (out.as_text()) throw Fault("sum: cannot sum strings");
  for (const Value& item : items_of(call.subject, call.budget())) {
    const Value one =
        args.find(0) ? get_path(call.run, item, *args.find(0)) : item;
    out = apply(BinaryOperator::kAdd, out, one, call.budget());
  }
  return out;
}

Value filter_batch(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"linecount", "fill_with"});
  const std::int64_t count = to_whole(args.need(0), "batch: 'linecount'");
  if (count < 1) throw Fault("batch: 'linecount'", std::to_string(count));
  Values out;
  Values line;
  for (Value& item : items_of(call.subject, call.budget())) {
    if (static_cast<std::int64_t>(line.size()) == count) {
      out.push_back(Value::list(std::exchange(line, {})));
    }
    line.push_back(std::move(item));
  }
  const Value* fill = args.find(1);
  if (fill && !fill->is_none() && !line.empty()) {
    const auto wanted = static_cast<std::uint64_t>(count);
    call.budget().take_values(wanted);
    line.resize(wanted, *fill);
  }
  if (!line.empty()) out.push_back(Value::list(std::move(line)));
  return Value::iterator(std::move(out));
}

// Runs of equal keys after sorting; (grouper, list) pairs.
Value filter_groupby(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"attribute", "default", "case_sensitive"});
  const bool case_sensitive = args.flag(2, false);
  auto key_of = [&](const Value& item) {
    Value key = get_path(call.run, item, args.need(0));
    return key.is_undefined() && args.find(1) ? *args.find(1) : key;
  };
  std::vector<Keyed> items;
  for (Value& item : items_of(call.subject, call.budget())) {
    items.push_back({{fold_case(key_of(item), case_sensitive)}, item});
  }
  sort_keyed(items, false, call.budget());
  Values out;
  for (std::size_t i = 0; i < items.size();) {
    Values group;
    const std::size_t first = i;
    for (; i < items.size() &&
           equal(items[first].keys[0], items[i].keys[0], call.budget());
         ++i) {
      group.push_back(items[i].item);
    }
    Value key = case_sensitive ? items[first].keys[0] : key_of(group.front());
    out.push_back(
        Value::tuple({std::move(key), Value::list(std::move(group))}));
  }
  return Value::list(std::move(out));
}

}  // namespace

FilterTable make_item_filters() {
  return {{"length", filter_length}, {"count", filter_length},
          {"list", filter_list},     {"first", filter_first},
          {"last", filter_last},     {"reverse", filter_reverse},
          {"join", filter_join},     {"items", filter_items},
          {"sort", filter_sort},     {"dictsort", filter_dictsort},
          {"unique", filter_unique}, {"min", filter_min},
          {"max", filter_max},       {"sum", filter_sum},
          {"batch", filter_batch},   {"groupby", filter_groupby}};
}

}  // namespace graft::text::jinja
