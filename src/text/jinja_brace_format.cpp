// "{0} {name.key[1]!r:>8}".format(...).
#include "text/jinja_format_internal.h"
#include "text/jinja_number_internal.h"
#include "text/jinja_operator_internal.h"
#include "text/jinja_printer_internal.h"

namespace graft::text::jinja {
namespace {

class BraceFormat {
 public:
  BraceFormat(std::string_view form, const Arguments& arguments, Budget& budget)
      : rest_(form), arguments_(arguments), budget_(budget), out_(budget) {}

  std::string run() {
    while (!rest_.empty()) {
      const std::size_t mark = rest_.find_first_of("{}");
      out_.append(rest_.substr(0, mark));
      if (mark == rest_.npos) break;
      const char brace = rest_[mark];
      rest_.remove_prefix(mark + 1);
      if (rest_.starts_with(brace)) {
        out_.append(1, brace);
        rest_.remove_prefix(1);
      } else if (brace == '}') {
        throw Fault("single '}' encountered in format string");
      } else {
        field();
      }
    }
    return out_.finish();
  }

 private:
  void field() {
    const std::size_t end = rest_.find('}');
    if (end == rest_.npos) throw Fault("expected '}' before end of string");
    std::string_view inside = rest_.substr(0, end);
    if (inside.find('{') != inside.npos) {
      throw Fault("nested fields in a format string are not supported");
    }
    rest_.remove_prefix(end + 1);
    const std::size_t colon = inside.find(':');
    const std::string_view specification =
        colon == inside.npos ? "" : inside.substr(colon + 1);
    inside = inside.substr(0, colon);
    const std::size_t mark = inside.find('!');
    const std::string_view conversion =
        mark == inside.npos ? "" : inside.substr(mark + 1);
    Value value = lookup(inside.substr(0, mark));
    if (conversion == "r") {
      value = Value::text(to_repr(value, budget_));
    } else if (conversion == "s") {
      value = Value::text(to_text(value, budget_));
    } else if (!conversion.empty()) {
      throw Fault("a conversion of a format", std::string(conversion),
                  "s or r");
    }
    out_.append(format_value(value, specification, budget_));
  }

  Value lookup(std::string_view path) {
    const std::size_t end = path.find_first_of(".[");
    Value out = argument(path.substr(0, end));
    std::string_view rest = end == path.npos ? "" : path.substr(end);
    while (!rest.empty()) {
      const bool is_item = rest[0] == '[';
      rest.remove_prefix(1);
      const std::size_t stop = rest.find_first_of(is_item ? "]" : ".[");
      const std::string_view key = rest.substr(0, stop);
      rest = stop == rest.npos ? "" : rest.substr(stop + (is_item ? 1 : 0));
      out = item(out, key);
    }
    return out;
  }

  static Value item(const Value& value, std::string_view key) {
    const bool is_index =
        !key.empty() && key.find_first_not_of("0123456789") == key.npos;
    const auto whole = is_index ? parse_whole(key, 10) : std::nullopt;
    auto found = find_item(
        value, whole ? Value::integer(*whole) : Value::text(std::string(key)));
    if (!found) throw Fault("a field of a format", std::string(key));
    return *found;
  }

  Value argument(std::string_view name) {
    const bool is_number = name.find_first_not_of("0123456789") == name.npos;
    if (!is_number) {
      for (const auto& [key, value] : arguments_.named) {
        if (key == name) return value;
      }
      throw Fault("a field of a format", std::string(name));
    }
    const bool counts = name.empty();
    if (counts_.value_or(counts) != counts) {
      throw Fault("a format with numbered fields beside {} ones");
    }
    counts_ = counts;
    const auto index = counts
                           ? std::optional(static_cast<std::int64_t>(used_++))
                           : parse_whole(name, 10);
    if (!index ||
        static_cast<std::uint64_t>(*index) >= arguments_.positional.size()) {
      throw Fault("replacement index out of range");
    }
    return arguments_.positional[static_cast<std::size_t>(*index)];
  }

  std::string_view rest_;
  const Arguments& arguments_;
  Budget& budget_;
  TextBuilder out_;
  std::size_t used_ = 0;
  std::optional<bool> counts_;  // {} fields, not numbered ones; once known
};

}  // namespace

Value format_braces(const Value& form, const Arguments& arguments,
                    Budget& budget) {
  return Value::text(BraceFormat(*form.as_text(), arguments, budget).run(),
                     form.is_markup());
}

}  // namespace graft::text::jinja
