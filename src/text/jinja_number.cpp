// Numbers as Python reads and rounds them.
#include "text/jinja_number_internal.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "text/python_text_internal.h"

namespace graft::text::jinja {
namespace {

// Without the underscores between digits; nullopt where one stands elsewhere.
std::optional<std::string> plain_digits(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    auto is_digit = [&](std::size_t at) {
      return at < text.size() &&
             std::isalnum(static_cast<unsigned char>(text[at])) != 0;
    };
    if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
  }
  return out;
}

int base_of_mark(char mark) {
  switch (mark | 0x20) {
    case 'x':
      return 16;
    case 'o':
      return 8;
    case 'b':
      return 2;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::int64_t> parse_whole(std::string_view text, int base) {
  if (base != 0 && (base < 2 || base > 36)) {
    throw Fault("int: argument 'base'", std::to_string(base), "2 to 36");
  }
  text = python::strip(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const int marked =
      text.size() > 2 && text[0] == '0' ? base_of_mark(text[1]) : 0;
  if (marked != 0 && (base == marked || base == 0)) {
    base = marked;
    text.remove_prefix(text[2] == '_' ? 3 : 2);
  }
  if (base == 0) base = 10;
  const auto digits = plain_digits(text);
  if (!digits || digits->empty() || (*digits)[0] == '-') return std::nullopt;
  const std::string whole = (negative ? "-" : "") + *digits;
  std::int64_t out = 0;
  const char* end = whole.data() + whole.size();
  const auto result = std::from_chars(whole.data(), end, out, base);
  if (result.ptr != end) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) {
    throw Fault("an integer past 64 bits", std::string(whole.substr(0, 30)));
  }
  return result.ec == std::errc() ? std::optional(out) : std::nullopt;
}

std::optional<double> parse_real(std::string_view text) {
  const auto digits = plain_digits(python::strip(text));
  if (!digits || digits->empty()) return std::nullopt;
  std::string word = *digits;
  for (char& c : word) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const std::size_t sign = word[0] == '-' || word[0] == '+' ? 1 : 0;
  const std::string rest = word.substr(sign);
  const bool is_named = rest == "inf" || rest == "infinity" || rest == "nan";
  if (!is_named && rest.find_first_not_of("0123456789.e+-") != rest.npos) {
    return std::nullopt;  // hexadecimal, which Python does not read
  }
  char* end = nullptr;
  const double out = std::strtod(word.c_str(), &end);
  return *end == '\0' && end != word.c_str() ? std::optional(out)
                                             : std::nullopt;
}

Value round_number(const Value& value, std::int64_t digits) {
  if (value.is_whole()) {
    if (digits >= 0) return Value::integer(value.whole());
    if (digits < -18) return Value::integer(0);
    std::int64_t unit = 1;
    for (; digits < 0; ++digits) unit *= 10;
    const std::int64_t rest = ((value.whole() % unit) + unit) % unit;
    std::int64_t down = (value.whole() - rest) / unit;
    if (rest * 2 > unit || (rest * 2 == unit && down % 2 != 0)) ++down;
    return Value::integer(down * unit);
  }
  const double number = value.number();
  if (!std::isfinite(number) || digits > 300) return value;
  if (digits < -300) return Value::real(std::copysign(0.0, number));
  if (digits >= 0) {
    // printf rounds the exact binary value, half to even, as Python does.
    char buffer[800];
    std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits),
                  number);
    return Value::real(std::strtod(buffer, nullptr));
  }
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return Value::real(std::nearbyint(number / unit) * unit);
}

}  // namespace graft::text::jinja
