// White space, splitting and counting.
#include "text/python_text_internal.h"

#include <utf8proc.h>

#include <algorithm>

#include "text/unicode_internal.h"

namespace graft::text::python {
namespace {

bool is_line_break(char32_t value) {
  return (value >= 0x0A && value <= 0x0D) || (value >= 0x1C && value <= 0x1E) ||
         value == 0x85 || value == 0x2028 || value == 0x2029;
}

std::size_t skip_space(std::string_view text, std::size_t at, bool is_space_) {
  while (at < text.size()) {
    const DecodedChar next = decode_char(text, at);
    if (is_space(next.value) != is_space_) break;
    at += next.length;
  }
  return at;
}

std::size_t skip_space_back(std::string_view text, std::size_t at,
                            bool is_space_) {
  while (at > 0) {
    const std::size_t before = previous_char(text, at);
    if (is_space(decode_char(text, before).value) != is_space_) break;
    at = before;
  }
  return at;
}

std::vector<std::string_view> split_space_right(std::string_view text,
                                                std::int64_t limit) {
  std::vector<std::string_view> out;
  text = strip(text, {false, true});
  while (!text.empty()) {
    const bool is_rest =
        limit >= 0 && static_cast<std::int64_t>(out.size()) == limit;
    const std::size_t begin =
        is_rest ? 0 : skip_space_back(text, text.size(), false);
    out.push_back(text.substr(begin));
    text = strip(text.substr(0, begin), {false, true});
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> split_right(std::string_view text,
                                          std::string_view separator,
                                          std::int64_t limit) {
  std::vector<std::string_view> out;
  while (limit < 0 || static_cast<std::int64_t>(out.size()) < limit) {
    const std::size_t at = text.rfind(separator);
    if (at == text.npos) break;
    out.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  out.push_back(text);
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace

bool is_space(char32_t value) {
  return is_white_space(value) || (value >= 0x1C && value <= 0x1F);
}

bool is_printable(char32_t value) {
  if (value == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return true;
  }
}

std::size_t char_count(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

std::size_t byte_of(std::string_view text, std::size_t index) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool starts = (static_cast<unsigned char>(text[at]) >> 6) != 2;
    if (starts && index-- == 0) return at;
  }
  return text.size();
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = decode_char(text, at).length;
    out.push_back(text.substr(at, length));
    at += length;
  }
  return out;
}

std::string_view strip(std::string_view text, Sides sides) {
  const std::size_t begin = sides.left ? skip_space(text, 0, true) : 0;
  text.remove_prefix(begin);
  if (!sides.right) return text;
  return text.substr(0, skip_space_back(text, text.size(), true));
}

std::string_view strip(std::string_view text, std::string_view set,
                       Sides sides) {
  const std::vector<std::string_view> members = characters(set);
  auto holds = [&](std::string_view one) {
    return std::ranges::find(members, one) != members.end();
  };
  while (sides.left && !text.empty()) {
    const std::size_t length = decode_char(text, 0).length;
    if (!holds(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (sides.right && !text.empty()) {
    const std::size_t begin = previous_char(text, text.size());
    if (!holds(text.substr(begin))) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::vector<std::string_view> split_space(std::string_view text,
                                          std::int64_t limit, bool from_right) {
  if (from_right) return split_space_right(text, limit);
  std::vector<std::string_view> out;
  text = strip(text, {true, limit < 0});
  while (!text.empty()) {
    const bool is_rest =
        limit >= 0 && static_cast<std::int64_t>(out.size()) == limit;
    const std::size_t end = is_rest ? text.size() : skip_space(text, 0, false);
    out.push_back(text.substr(0, end));
    text = strip(text.substr(end), {true, false});
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text,
                                    std::string_view separator,
                                    std::int64_t limit, bool from_right) {
  if (from_right) return split_right(text, separator, limit);
  std::vector<std::string_view> out;
  while (limit < 0 || static_cast<std::int64_t>(out.size()) < limit) {
    const std::size_t at = text.find(separator);
    if (at == text.npos) break;
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  out.push_back(text);
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text,
                                          bool keep_ends) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar next = decode_char(text, at);
    const std::size_t end = at;
    at += next.length;
    if (!is_line_break(next.value)) continue;
    if (next.value == '\r' && at < text.size() && text[at] == '\n') ++at;
    out.push_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

}  // namespace graft::text::python
