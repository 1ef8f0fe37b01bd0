// Filters on text.
#include <algorithm>

#include "text/jinja_argument_internal.h"
#include "text/jinja_filter_internal.h"
#include "text/jinja_format_internal.h"
#include "text/jinja_printer_internal.h"
#include "text/jinja_replace_internal.h"
#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

using python::Sides;

template <std::string (*Change)(std::string_view)>
Value change_case(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  const Value text = soft_text(call);
  call.budget().take(text.as_text()->size() * 3);
  return Value::text(Change(*text.as_text()), text.is_markup());
}

// Words of Jinja's title start behind white space and - ( { [ <.
Value filter_title(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  const Value text = soft_text(call);
  const std::string_view all = *text.as_text();
  call.budget().take(all.size() * 3);
  std::string out;
  for (std::size_t at = 0; at < all.size();) {
    std::size_t end = at;
    auto is_break = [&](std::size_t place) {
      const char32_t value = decode_char(all, place).value;
      return python::is_space(value) || value == '-' || value == '(' ||
             value == '{' || value == '[' || value == '<';
    };
    const bool breaks = is_break(at);
    while (end < all.size() && is_break(end) == breaks) {
      end += decode_char(all, end).length;
    }
    const std::string_view word = all.substr(at, end - at);
    const std::size_t first = decode_char(all, at).length;
    out += python::upper(word.substr(0, first));
    out += python::lower(word.substr(first));
    at = end;
  }
  return Value::text(std::move(out));
}

Value filter_trim(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"chars"});
  const Value text = soft_text(call);
  const std::string* set = args.find_text(0);
  if (set) call.budget().scan(text.as_text()->size() * set->size());
  const auto inside = set ? python::strip(*text.as_text(), *set, Sides{})
                          : python::strip(*text.as_text());
  call.budget().take(inside.size());
  return Value::text(std::string(inside), text.is_markup());
}

Value filter_replace(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"old", "new", "count"});
  const Value* count = args.find(2);
  const std::int64_t limit =
      count && !count->is_none() ? args.whole(2, -1) : -1;
  return Value::text(replace_all({to_text(call.subject, call.budget()),
                                  to_text(args.need(0), call.budget()),
                                  to_text(args.need(1), call.budget()), limit},
                                 call.budget()));
}

Value filter_string(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  return soft_text(call);
}

Value filter_safe(const FilterCall& call) {
  return Value::text(to_text(call.subject, call.budget()), true);
}

Value filter_escape(const FilterCall& call) {
  const Value text = soft_text(call);
  if (text.is_markup() && call.name != "forceescape") return text;
  call.budget().take(text.as_text()->size() * 6);
  return Value::text(escape_html(*text.as_text()), true);
}

Value filter_format(const FilterCall& call) {
  const Arguments& given = call.arguments;
  if (given.named.empty()) {
    return format_percent(soft_text(call), Value::tuple(given.positional),
                          call.budget());
  }
  std::vector<Entry> entries;
  for (const auto& [name, value] : given.named) {
    entries.emplace_back(Value::text(name), value);
  }
  return format_percent(soft_text(call), Value::dict(std::move(entries)),
                        call.budget());
}

Value filter_indent(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"width", "first", "blank"});
  const std::string* text = call.subject.as_text();
  if (!text) {
    throw Fault("indent: the value", describe(call.subject), "a string");
  }
  Budget& budget = call.budget();
  std::string lead;
  if (args.find(0) && args.find(0)->as_text()) {
    lead = args.need_text(0);
  } else {
    const std::int64_t width = std::max<std::int64_t>(args.whole(0, 4), 0);
    budget.take(static_cast<std::uint64_t>(width));
    lead.assign(static_cast<std::size_t>(width), ' ');
  }
  const std::string whole = *text + "\n";
  TextBuilder out(budget);
  if (args.flag(1, false)) out.append(lead);
  bool is_first = true;
  for (const std::string_view line : python::split_lines(whole, false)) {
    if (!is_first) {
      out.append("\n");
      if (!line.empty() || args.flag(2, false)) out.append(lead);
    }
    is_first = false;
    out.append(line);
  }
  return Value::text(out.finish(), call.subject.is_markup());
}

Value filter_center(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {"width"});
  const Value text = soft_text(call);
  return pad_text(text, {args.whole(0, 80), " ", '^'}, call.budget());
}

Value filter_truncate(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments,
                            {"length", "killwords", "end", "leeway"});
  const Value& text = call.subject;
  const std::string* given = args.find_text(2);
  const std::string_view end = given ? std::string_view(*given) : "...";
  const std::int64_t length = args.whole(0, 255);
  const std::int64_t room =
      length - static_cast<std::int64_t>(python::char_count(end));
  if (room < 0) {
    throw Fault("truncate: argument 'length'", std::to_string(length),
                "at least the length of 'end'");
  }
  const Value* leeway = args.find(3);
  const std::int64_t more = leeway && !leeway->is_none() ? args.whole(3, 5) : 5;
  const auto size = static_cast<std::int64_t>(length_of(text));
  if (size <= length + more) return text;
  if (!text.as_text()) {
    throw Fault("truncate: the value", describe(text), "a string");
  }
  const std::string_view head =
      std::string_view(*text.as_text())
          .substr(0, python::byte_of(*text.as_text(),
                                     static_cast<std::size_t>(room)));
  const auto words = args.flag(1, false) ? std::vector<std::string_view>{head}
                                         : python::split(head, " ", 1, true);
  return Value::text(std::string(words.front()) + std::string(end));
}

Value filter_wordcount(const FilterCall& call) {
  const Value text = soft_text(call);
  std::int64_t count = 0;
  bool inside = false;
  const std::string_view all = *text.as_text();
  for (std::size_t at = 0; at < all.size();) {
    const DecodedChar next = decode_char(all, at);
    const bool word = is_word(next.value);
    count += word && !inside ? 1 : 0;
    inside = word;
    at += next.length;
  }
  return Value::integer(count);
}

// As Python's quote; `plus`: as quote_plus.
std::string url_quote(std::string_view text, bool plus) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '.' ||
                        c == '-' || c == '~' || (c == '/' && !plus))) {
      out += c;
    } else if (c == ' ' && plus) {
      out += '+';
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

// A text, or the pairs of a dict or list as a query.
Value filter_urlencode(const FilterCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  Budget& budget = call.budget();
  std::string out;
  const Dict* dict = call.subject.as_dict();
  if (!dict && !call.subject.as_sequence()) {
    out = url_quote(*soft_text(call).as_text(), false);
    budget.take(out.size());
    return Value::text(std::move(out));
  }
  Values pairs;
  if (dict) {
    for (const auto& [key, value] : dict->entries) {
      pairs.push_back(Value::tuple({key, value}));
    }
  } else {
    pairs = items_of(call.subject, budget);
  }
  for (const Value& pair : pairs) {
    const Values sides = items_of(pair, budget);
    if (sides.size() != 2) {
      throw Fault("values to unpack", std::to_string(sides.size()), "2");
    }
    if (!out.empty()) out += '&';
    const std::string part = url_quote(to_text(sides[0], budget), true) + "=" +
                             url_quote(to_text(sides[1], budget), true);
    budget.take(part.size());
    out += part;
  }
  return Value::text(std::move(out));
}

}  // namespace

FilterTable make_text_filters() {
  return {{"upper", change_case<python::upper>},
          {"lower", change_case<python::lower>},
          {"capitalize", change_case<python::capitalize>},
          {"title", filter_title},
          {"trim", filter_trim},
          {"replace", filter_replace},
          {"string", filter_string},
          {"safe", filter_safe},
          {"e", filter_escape},
          {"escape", filter_escape},
          {"forceescape", filter_escape},
          {"format", filter_format},
          {"indent", filter_indent},
          {"center", filter_center},
          {"truncate", filter_truncate},
          {"wordcount", filter_wordcount},
          {"urlencode", filter_urlencode}};
}

}  // namespace graft::text::jinja
