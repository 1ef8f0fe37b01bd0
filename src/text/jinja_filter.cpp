// Looks filters up, and those on numbers and JSON.
#include "text/jinja_filter_internal.h"

#include <cmath>
#include <cstdlib>

#include "text/jinja_argument_internal.h"
#include "text/jinja_number_internal.h"
#include "text/jinja_printer_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

Value filter_default(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"default_value", "boolean"});
  const bool use_default = call.subject.is_undefined() ||
                           (args.flag(1, false) && !call.subject.truth());
  if (!use_default) return call.subject;
  return args.find(0) ? *args.find(0) : Value::text("");
}

std::optional<std::string> json_indent(const ArgumentReader& args,
                                       std::size_t index, Budget& budget) {
  const Value* indent = args.find(index);
  if (!indent || indent->is_none()) return std::nullopt;
  if (const std::string* text = indent->as_text()) return *text;
  const std::int64_t width = std::max<std::int64_t>(args.whole(index, 0), 0);
  budget.take(static_cast<std::uint64_t>(width));
  return std::string(static_cast<std::size_t>(width), ' ');
}

// With the arguments of transformers' tojson, which replaces Jinja's.
Value filter_json(const FilterCall& call) {
  const ArgumentReader args(
      call.name, call.arguments,
      {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = args.flag(0, false);
  style.indent = json_indent(args, 1, call.budget());
  style.sort_keys = args.flag(3, false);
  if (style.indent) style.item_separator = ",";
  if (const Value* separators = args.find(2);
      separators && !separators->is_none()) {
    const Values pair = items_of(*separators, call.budget());
    if (pair.size() != 2 || !pair[0].as_text() || !pair[1].as_text()) {
      throw Fault("tojson: argument 'separators'", describe(*separators),
                  "two strings");
    }
    style.item_separator = *pair[0].as_text();
    style.key_separator = *pair[1].as_text();
  }
  return Value::text(to_json(call.subject, style, call.budget()));
}

Value filter_abs(const FilterCall& call) {
  const Value& value = call.subject;
  if (!value.is_number()) {
    throw Fault("abs: the value", describe(value), "a number");
  }
  if (!value.is_whole()) return Value::real(std::abs(value.number()));
  return value.whole() < 0 ? negate(value) : Value::integer(value.whole());
}

Value filter_int(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"default", "base"});
  const Value& value = call.subject;
  const Value preset = args.find(0) ? *args.find(0) : Value::integer(0);
  if (value.is_undefined()) throw Fault("int: the value is undefined");
  if (value.is_whole()) return Value::integer(value.whole());
  std::optional<double> number;
  if (const std::string* text = value.as_text()) {
    call.budget().scan(text->size());
    const auto whole = parse_whole(*text, static_cast<int>(args.whole(1, 10)));
    if (whole) return Value::integer(*whole);
    number = parse_real(*text);
  } else if (value.is_number()) {
    number = value.number();
  }
  if (!number || !std::isfinite(*number)) return preset;
  if (std::abs(*number) >= 9.2e18) throw Fault("an integer past 64 bits");
  return Value::integer(static_cast<std::int64_t>(*number));
}

Value filter_float(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"default"});
  const Value& value = call.subject;
  if (value.is_undefined()) throw Fault("float: the value is undefined");
  if (value.is_number()) return Value::real(value.number());
  if (const std::string* text = value.as_text()) {
    call.budget().scan(text->size());
    if (const auto number = parse_real(*text)) return Value::real(*number);
  }
  return args.find(0) ? *args.find(0) : Value::real(0.0);
}

Value filter_round(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"precision", "method"});
  const std::string* method = args.find_text(1);
  const std::int64_t precision = args.whole(0, 0);
  if (!call.subject.is_number()) {
    throw Fault("round: the value", describe(call.subject), "a number");
  }
  if (!method || *method == "common") {
    return round_number(call.subject, precision);
  }
  if (*method != "ceil" && *method != "floor") {
    throw Fault("round: argument 'method'", *method, "common, ceil or floor");
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = call.subject.number() * scale;
  return Value::real(
      (*method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

}  // namespace

FilterTable make_number_filters() {
  return {{"default", filter_default}, {"d", filter_default},
          {"tojson", filter_json},     {"abs", filter_abs},
          {"int", filter_int},         {"float", filter_float},
          {"round", filter_round}};
}

Filter find_filter(std::string_view name) {
  static const FilterTable table = [] {
    FilterTable out = make_text_filters();
    out.merge(make_number_filters());
    out.merge(make_item_filters());
    out.merge(make_choice_filters());
    return out;
  }();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

Value Evaluator::apply_filter(const std::string& name, const Value& subject,
                              const Arguments& arguments) {
  budget_.step();
  const Filter filter = find_filter(name);
  if (!filter) throw Fault("no filter has the name '" + name + "'");
  if (const std::string* text = subject.as_text()) budget_.scan(text->size());
  return filter({*this, name, subject, arguments});
}

Value soft_text(const FilterCall& call) {
  if (call.subject.as_text()) return call.subject;
  return Value::text(to_text(call.subject, call.budget()));
}

Value get_path(Evaluator& run, const Value& item, const Value& path) {
  const std::string* text = path.as_text();
  if (!text) return path.is_none() ? item : run.get_item(item, path);
  Value out = item;
  for (const std::string_view part : python::split(*text, ".", -1, false)) {
    const auto whole =
        part.find_first_not_of("0123456789") == part.npos && !part.empty()
            ? parse_whole(part, 10)
            : std::nullopt;
    out = run.get_item(
        out, whole ? Value::integer(*whole) : Value::text(std::string(part)));
  }
  return out;
}

}  // namespace graft::text::jinja
