// The methods of strings that answer yes or no: isdigit and its kin.
#include <utf8proc.h>

#include <map>

#include "text/jinja_argument_internal.h"
#include "text/jinja_method_internal.h"
#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

auto category_of(char32_t value) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(value));
}
bool is_letter(char32_t value) {
  const auto category = category_of(value);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t value) {
  return category_of(value) == UTF8PROC_CATEGORY_ND;
}
bool is_digit(char32_t value) {
  const bool superscript = value == 0xB2 || value == 0xB3 || value == 0xB9 ||
                           (value >= 0x2070 && value <= 0x2079) ||
                           (value >= 0x2080 && value <= 0x2089) ||
                           (value >= 0x2460 && value <= 0x2468);
  return is_decimal(value) || superscript;
}
bool is_letter_or_number(char32_t value) {
  return is_letter(value) || is_numeric(value);
}

// Every character; false for the empty string.
template <bool (*Holds)(char32_t)>
Value all(const TextCall& call) {
  const ArgumentReader args(call.name, call.arguments, {});
  const std::string_view text = call.text();
  for (std::size_t at = 0; at < text.size();) {
    const DecodedChar next = decode_char(text, at);
    if (!Holds(next.value)) return Value::boolean(false);
    at += next.length;
  }
  return Value::boolean(!text.empty());
}

Value is_ascii(const TextCall& call) {
  for (const char c : call.text()) {
    if (static_cast<unsigned char>(c) >= 0x80) return Value::boolean(false);
  }
  return Value::boolean(true);
}

Value is_upper(const TextCall& call) {
  const std::string& text = call.text();
  return Value::boolean(python::upper(text) == text &&
                        python::lower(text) != text);
}
Value is_lower(const TextCall& call) {
  const std::string& text = call.text();
  return Value::boolean(python::lower(text) == text &&
                        python::upper(text) != text);
}
Value is_title(const TextCall& call) {
  const std::string& text = call.text();
  return Value::boolean(
      python::title(text) == text &&
      (python::lower(text) != text || python::upper(text) != text));
}

}  // namespace

TextMethod find_text_question(std::string_view name) {
  static const std::map<std::string_view, TextMethod> table = {
      {"isalpha", all<is_letter>},
      {"isdigit", all<is_digit>},
      {"isdecimal", all<is_decimal>},
      {"isnumeric", all<is_numeric>},
      {"isalnum", all<is_letter_or_number>},
      {"isspace", all<python::is_space>},
      {"isascii", is_ascii},
      {"isupper", is_upper},
      {"islower", is_lower},
      {"istitle", is_title}};
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace graft::text::jinja
