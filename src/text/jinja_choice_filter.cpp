// map, select, reject and their forms for attributes.
#include <algorithm>

#include "text/jinja_argument_internal.h"
#include "text/jinja_filter_internal.h"

namespace graft::text::jinja {
namespace {

// The arguments without the first `count` positional ones.
Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments out = arguments;
  out.positional.erase(
      out.positional.begin(),
      out.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return out;
}

const std::string& name_at(const FilterCall& call, std::size_t index) {
  const std::string* name = call.arguments.positional[index].as_text();
  if (!name) {
    throw Fault(call.name + ": the name of a filter or test",
                describe(call.arguments.positional[index]), "a string");
  }
  return *name;
}

Value map_attribute(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"attribute", "default"});
  const Value& path = args.need(0);
  const Value* preset = args.find(1);
  const bool has_preset = preset && !preset->is_none();
  Values out;
  for (const Value& item : items_of(call.subject, call.budget())) {
    Value found = get_path(call.run, item, path);
    if (found.is_undefined() && has_preset) found = *preset;
    out.push_back(std::move(found));
  }
  return Value::iterator(std::move(out));
}

Value filter_map(const FilterCall& call) {
  if (!call.subject.truth()) return Value::iterator({});
  const Arguments& given = call.arguments;
  if (given.positional.empty()) {
    if (given.named.empty()) throw Fault("map requires a filter argument");
    return map_attribute(call);
  }
  const std::string& name = name_at(call, 0);
  const Arguments rest = without_first(given, 1);
  Values out;
  for (const Value& item : items_of(call.subject, call.budget())) {
    out.push_back(call.run.apply_filter(name, item, rest));
  }
  return Value::iterator(std::move(out));
}

Value choose(const FilterCall& call, bool wanted, bool by_attribute) {
  if (!call.subject.truth()) return Value::iterator({});
  const Arguments& given = call.arguments;
  const std::size_t offset = by_attribute ? 1 : 0;
  if (given.positional.size() < offset) {
    throw Fault(call.name + ": the name of an attribute is missing");
  }
  const bool has_test = given.positional.size() > offset;
  const Arguments rest =
      has_test ? without_first(given, offset + 1) : Arguments{};
  Values out;
  for (const Value& item : items_of(call.subject, call.budget())) {
    const Value part =
        by_attribute ? get_path(call.run, item, given.positional[0]) : item;
    const bool holds =
        has_test ? call.run.apply_test(name_at(call, offset), part, rest)
                 : part.truth();
    if (holds == wanted) out.push_back(item);
  }
  return Value::iterator(std::move(out));
}

Value filter_select(const FilterCall& call) {
  return choose(call, true, false);
}
Value filter_reject(const FilterCall& call) {
  return choose(call, false, false);
}
Value filter_selectattr(const FilterCall& call) {
  return choose(call, true, true);
}
Value filter_rejectattr(const FilterCall& call) {
  return choose(call, false, true);
}

Value filter_attr(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"name"});
  const std::string& name = args.need_text(0);
  // No items, only attributes.
  if (call.subject.as_dict() && !call.subject.as_dict()->find(name)) {
    return call.run.get_attribute(call.subject, name);
  }
  if (call.subject.as_dict()) {
    return Value::undefined("'dict' object has no attribute '" + name + "'");
  }
  return call.run.get_attribute(call.subject, name);
}

}  // namespace

FilterTable make_choice_filters() {
  return {{"map", filter_map},
          {"select", filter_select},
          {"reject", filter_reject},
          {"selectattr", filter_selectattr},
          {"rejectattr", filter_rejectattr},
          {"attr", filter_attr}};
}

}  // namespace graft::text::jinja
