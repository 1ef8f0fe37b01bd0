// Methods of strings.
#include <map>

#include "text/jinja_argument_internal.h"
#include "text/jinja_format_internal.h"
#include "text/jinja_method_internal.h"
#include "text/jinja_replace_internal.h"
#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

using python::Sides;

template <std::string (*Change)(std::string_view)>
Value change_case(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  call.budget().take(call.text().size() * 3);
  return call.result(Change(call.text()));
}

Value strip(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"chars"});
  const Sides sides{call.name != "rstrip", call.name != "lstrip"};
  const std::string* set = args.find_text(0);
  if (set) call.budget().scan(call.text().size() * set->size());
  const std::string_view inside = set ? python::strip(call.text(), *set, sides)
                                      : python::strip(call.text(), sides);
  call.budget().take(inside.size());
  return call.result(inside);
}

Value list_of(const TextCall& call,
              const std::vector<std::string_view>& parts) {
  call.budget().take_values(parts.size() * 3);
  call.budget().take(call.text().size());
  Values out;
  for (const std::string_view part : parts) out.push_back(call.result(part));
  return Value::list(std::move(out));
}

void scan_for(const TextCall& call, std::size_t part) {
  call.budget().step(1 + call.text().size() / 64 * (1 + part / 64));
}

Value split(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"sep", "maxsplit"});
  const bool from_right = call.name == "rsplit";
  const std::int64_t limit = args.whole(1, -1);
  const std::string* separator = args.find_text(0);
  if (!separator) {
    return list_of(call, python::split_space(call.text(), limit, from_right));
  }
  if (separator->empty()) throw Fault("split: empty separator");
  scan_for(call, separator->size());
  return list_of(call,
                 python::split(call.text(), *separator, limit, from_right));
}

Value split_lines(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"keepends"});
  return list_of(call, python::split_lines(call.text(), args.flag(0, false)));
}

Value partition(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"sep"});
  const std::string_view text = call.text();
  const std::string& separator = args.need_text(0);
  if (separator.empty()) throw Fault("partition: empty separator");
  scan_for(call, separator.size());
  const bool from_right = call.name == "rpartition";
  const std::size_t at =
      from_right ? text.rfind(separator) : text.find(separator);
  if (at == text.npos) {
    return from_right ? Value::tuple({call.result(""), call.result(""),
                                      call.result(text)})
                      : Value::tuple({call.result(text), call.result(""),
                                      call.result("")});
  }
  return Value::tuple({call.result(text.substr(0, at)), call.result(separator),
                       call.result(text.substr(at + separator.size()))});
}

// The bytes of text[start:end], for the methods that take such bounds.
std::string_view part_of(const TextCall& call, const ArgumentReader& args) {
  std::string_view text = call.text();
  const auto size = static_cast<std::int64_t>(python::char_count(text));
  auto clamp = [&](std::size_t index, std::int64_t preset) {
    const Value* value = args.find(index);
    std::int64_t at =
        !value || value->is_none() ? preset : args.whole(index, preset);
    if (at < 0) at = std::max<std::int64_t>(at + size, 0);
    return std::min(at, size);
  };
  const std::int64_t start = clamp(1, 0);
  const std::int64_t end = std::max(clamp(2, size), start);
  text.remove_prefix(python::byte_of(text, static_cast<std::size_t>(start)));
  return text.substr(
      0, python::byte_of(text, static_cast<std::size_t>(end - start)));
}

Value starts_or_ends(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"prefix", "start", "end"});
  const std::string_view text = part_of(call, args);
  const bool at_start = call.name == "startswith";
  Values wanted{args.need(0)};
  const Sequence* several = wanted[0].as_sequence();
  if (several && several->kind == SequenceKind::kTuple) {
    wanted = Values(several->items);
  }
  bool holds = false;
  for (const Value& one : wanted) {
    const std::string* part = one.as_text();
    if (!part) {
      throw Fault(call.name + ": the argument", describe(one),
                  "a string or a tuple of strings");
    }
    holds |= at_start ? text.starts_with(*part) : text.ends_with(*part);
  }
  return Value::boolean(holds);
}

Value replace(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"old", "new", "count"});
  return call.result(replace_all(
      {call.text(), args.need_text(0), args.need_text(1), args.whole(2, -1)},
      call.budget()));
}

Value find(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"sub", "start", "end"});
  const std::string& part = args.need_text(0);
  scan_for(call, part.size());
  const std::string_view inside = part_of(call, args);
  const bool from_right = call.name[0] == 'r';
  std::int64_t at = find_text(inside, part, from_right);
  if (at >= 0) {
    const auto skipped =
        static_cast<std::size_t>(inside.data() - call.text().data());
    at += static_cast<std::int64_t>(
        python::char_count(std::string_view(call.text()).substr(0, skipped)));
  } else if (call.name.ends_with("index")) {
    throw Fault("index: substring not found");
  }
  return Value::integer(at);
}

Value count(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"sub", "start", "end"});
  const std::string& part = args.need_text(0);
  const std::string_view inside = part_of(call, args);
  if (part.empty()) {
    return Value::integer(
        static_cast<std::int64_t>(python::char_count(inside)) + 1);
  }
  scan_for(call, part.size());
  return Value::integer(static_cast<std::int64_t>(
      python::split(inside, part, -1, false).size() - 1));
}

Value join(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"iterable"});
  TextBuilder out(call.budget());
  bool is_first = true;
  for (const Value& item : items_of(args.need(0), call.budget())) {
    const std::string* part = item.as_text();
    if (!part) throw Fault("join: an item", describe(item), "a string");
    if (!is_first) out.append(call.text());
    is_first = false;
    out.append(*part);
  }
  return call.result(out.finish());
}

Value format(const TextCall& call) {
  return format_braces(call.self, call.arguments, call.budget());
}

Value remove_affix(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"affix"});
  const std::string& affix = args.need_text(0);
  std::string_view text = call.text();
  if (call.name == "removeprefix") {
    if (text.starts_with(affix)) text.remove_prefix(affix.size());
  } else if (!affix.empty() && text.ends_with(affix)) {
    text.remove_suffix(affix.size());
  }
  return call.result(text);
}

Value pad(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"width", "fillchar"});
  const std::string fill = args.find_text(1) ? *args.find_text(1) : " ";
  const char side = call.name == "ljust"   ? '<'
                    : call.name == "rjust" ? '>'
                                           : '^';
  return pad_text(
      call.self, {to_whole(args.need(0), "the width of a padding"), fill, side},
      call.budget());
}

Value zero_fill(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"width"});
  const std::string& text = call.text();
  const std::size_t sign =
      text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const std::int64_t width = to_whole(args.need(0), "the width of zfill");
  const Value digits = pad_text(
      Value::text(text.substr(sign)),
      {width - static_cast<std::int64_t>(sign), "0", '>'}, call.budget());
  return call.result(text.substr(0, sign) + *digits.as_text());
}

Value expand_tabs(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"tabsize"});
  const std::int64_t size = args.whole(0, 8);
  TextBuilder out(call.budget());
  std::int64_t column = 0;
  for (const std::string_view one : python::characters(call.text())) {
    if (one == "\t") {
      const std::int64_t fill = size > 0 ? size - column % size : 0;
      out.append(static_cast<std::size_t>(fill), ' ');
      column += fill;
      continue;
    }
    column = one == "\n" || one == "\r" ? 0 : column + 1;
    out.append(one);
  }
  return call.result(out.finish());
}

}  // namespace

TextMethod find_text_method(std::string_view name) {
  static const std::map<std::string_view, TextMethod> table = {
      {"upper", change_case<python::upper>},
      {"lower", change_case<python::lower>},
      {"casefold", change_case<python::lower>},
      {"title", change_case<python::title>},
      {"capitalize", change_case<python::capitalize>},
      {"swapcase", change_case<python::swap_case>},
      {"strip", strip},
      {"lstrip", strip},
      {"rstrip", strip},
      {"split", split},
      {"rsplit", split},
      {"splitlines", split_lines},
      {"partition", partition},
      {"rpartition", partition},
      {"startswith", starts_or_ends},
      {"endswith", starts_or_ends},
      {"replace", replace},
      {"find", find},
      {"rfind", find},
      {"index", find},
      {"rindex", find},
      {"count", count},
      {"join", join},
      {"format", format},
      {"removeprefix", remove_affix},
      {"removesuffix", remove_affix},
      {"ljust", pad},
      {"rjust", pad},
      {"center", pad},
      {"zfill", zero_fill},
      {"expandtabs", expand_tabs}};
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace graft::text::jinja
