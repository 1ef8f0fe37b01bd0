// Python's two ways to format, as far as templates use them.
#include "text/jinja_format_internal.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/jinja_operator_internal.h"
#include "text/jinja_printer_internal.h"
#include "text/jinja_replace_internal.h"
#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

constexpr std::int64_t kWidthLimit = 100'000;

// [[fill]align][sign][#][0][width][,][.precision][type]
struct Specification {
  std::string fill = " ";
  char align = ' ';
  char sign = '-';
  bool alternate = false;
  char group = ' ';
  std::int64_t width = 0;
  std::int64_t precision = -1;
  char type = ' ';
};

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

std::int64_t read_count(std::string_view& text) {
  std::int64_t out = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    out = out * 10 + (text[0] - '0');
    if (out > kWidthLimit) {
      throw Fault("a width or precision of a format", "",
                  "at most " + std::to_string(kWidthLimit));
    }
    text.remove_prefix(1);
  }
  return out;
}

bool skip(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

Specification read_specification(std::string_view text) {
  const std::string whole(text);
  Specification out;
  const std::size_t first = text.empty() ? 0 : decode_char(text, 0).length;
  if (text.size() > first && is_align(text[first])) {
    out.fill = std::string(text.substr(0, first));
    out.align = text[first];
    text.remove_prefix(first + 1);
  } else if (!text.empty() && is_align(text[0])) {
    out.align = text[0];
    text.remove_prefix(1);
  }
  if (text.starts_with('+') || text.starts_with('-') || text.starts_with(' ')) {
    out.sign = text[0];
    text.remove_prefix(1);
  }
  out.alternate = skip(text, '#');
  if (skip(text, '0') && out.align == ' ') {
    out.fill = "0";
    out.align = '=';
  }
  out.width = read_count(text);
  if (text.starts_with(',') || text.starts_with('_')) {
    out.group = text[0];
    text.remove_prefix(1);
  }
  if (skip(text, '.')) out.precision = read_count(text);
  if (!text.empty()) {
    out.type = text[0];
    text.remove_prefix(1);
  }
  if (!text.empty()) throw Fault("a format specification", whole);
  return out;
}

std::string grouped(std::string digits, const Specification& form) {
  if (form.group == ' ') return digits;
  const std::size_t whole =
      std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t at = whole; at > 3; at -= 3) {
    digits.insert(at - 3, 1, form.group);
  }
  return digits;
}

std::string whole_digits(std::uint64_t value, char type) {
  if (type == 'b') {
    std::string out;
    do {
      out.insert(out.begin(), static_cast<char>('0' + value % 2));
    } while ((value /= 2) > 0);
    return out;
  }
  char buffer[32];
  const char* form = type == 'x'   ? "%llx"
                     : type == 'X' ? "%llX"
                     : type == 'o' ? "%llo"
                                   : "%llu";
  std::snprintf(buffer, sizeof buffer, form,
                static_cast<unsigned long long>(value));
  return buffer;
}

std::string real_digits(double value, const Specification& form,
                        Budget& budget) {
  if (std::isinf(value)) return "inf";
  if (std::isnan(value)) return "nan";
  if (form.type == ' ' && form.precision < 0) return float_text(value);
  const bool percent = form.type == '%';
  const auto precision =
      static_cast<int>(form.precision < 0 ? 6 : form.precision);
  const char type = percent ? 'f' : form.type == ' ' ? 'g' : form.type;
  const std::string pattern = {'%', '.', '*', type};
  const double scaled = percent ? value * 100 : value;
  std::string out(static_cast<std::size_t>(precision) + 400, '\0');
  budget.take(out.size());
  const int length =
      std::snprintf(out.data(), out.size(), pattern.c_str(), precision, scaled);
  out.resize(static_cast<std::size_t>(length));
  return out + (percent ? "%" : "");
}

std::string pad(const std::string& sign, const std::string& digits,
                const Specification& form, Budget& budget) {
  if (form.align == '=') {
    const auto width = form.width - static_cast<std::int64_t>(sign.size());
    return sign +
           *pad_text(Value::text(digits), {width, form.fill, '>'}, budget)
                .as_text();
  }
  return *pad_text(Value::text(sign + digits),
                   {form.width, form.fill, form.align}, budget)
              .as_text();
}

std::string number_text(const Value& value, Specification form,
                        Budget& budget) {
  constexpr std::string_view kReal = "eEfFgG%";
  const bool as_real = !value.is_whole() || kReal.find(form.type) != kReal.npos;
  std::string digits;
  bool negative = false;
  if (as_real) {
    const double number = value.number();
    negative = std::signbit(number) && !std::isnan(number);
    digits = real_digits(std::abs(number), form, budget);
  } else {
    negative = value.whole() < 0;
    const auto bits = static_cast<std::uint64_t>(value.whole());
    digits = whole_digits(negative ? 0 - bits : bits, form.type);
  }
  std::string sign = negative ? "-" : form.sign == '-' ? "" : "?";
  if (sign == "?") sign = std::string(1, form.sign);
  if (form.alternate && !as_real &&
      (form.type == 'x' || form.type == 'X' || form.type == 'o' ||
       form.type == 'b')) {
    sign += std::string("0") + form.type;
  }
  if (form.align == ' ') form.align = '>';
  return pad(sign, grouped(std::move(digits), form), form, budget);
}

std::string text_text(const Value& value, Specification form, Budget& budget) {
  std::string text = to_text(value, budget);
  if (form.precision >= 0) {
    text.resize(
        python::byte_of(text, static_cast<std::size_t>(form.precision)));
  }
  if (form.align == ' ' || form.align == '=') form.align = '<';
  return pad("", text, form, budget);
}

// Python takes these, as it takes mappings, for values looked up by name.
bool is_indexed(const Value& value) {
  const Sequence* sequence = value.as_sequence();
  return sequence && sequence->kind <= SequenceKind::kRange;
}

// The conversions of "%5.2f".
class PercentFormat {
 public:
  PercentFormat(std::string_view form, const Value& arguments, Budget& budget)
      : rest_(form), arguments_(arguments), budget_(budget), out_(budget) {
    const Sequence* tuple = arguments.as_sequence();
    if (tuple && tuple->kind == SequenceKind::kTuple) tuple_ = tuple;
  }

  std::string run() {
    while (!rest_.empty()) {
      const std::size_t mark = rest_.find('%');
      out_.append(rest_.substr(0, mark));
      if (mark == rest_.npos) break;
      rest_.remove_prefix(mark + 1);
      if (skip(rest_, '%')) {
        out_.append("%");
      } else {
        convert();
      }
    }
    const bool all_used =
        tuple_ ? used_ == tuple_->items.size()
               : used_ == 1 || arguments_.as_dict() || is_indexed(arguments_);
    if (!all_used) {
      throw Fault("not all arguments converted during string formatting");
    }
    return out_.finish();
  }

 private:
  Value next() {
    const std::size_t index = used_++;
    if (tuple_ ? index >= tuple_->items.size() : index > 0) {
      throw Fault("not enough arguments for format string");
    }
    return tuple_ ? tuple_->items[index] : arguments_;
  }

  Value named() {
    const std::size_t end = rest_.find(')');
    const Dict* dict = arguments_.as_dict();
    if (end == rest_.npos || !dict) throw Fault("format requires a mapping");
    const std::string_view key = rest_.substr(0, end);
    const Value* found = dict->find(key);
    if (!found) throw Fault("a key of the format", std::string(key));
    rest_.remove_prefix(end + 1);
    return *found;
  }

  std::int64_t count() {
    if (skip(rest_, '*')) return to_whole(next(), "a width of a format");
    return read_count(rest_);
  }

  void convert() {
    std::optional<Value> value;
    if (skip(rest_, '(')) value = named();
    Specification form;
    form.align = '>';
    for (bool is_flag = true; is_flag && !rest_.empty();) {
      const char c = rest_[0];
      is_flag = c == '-' || c == '+' || c == ' ' || c == '0' || c == '#';
      if (!is_flag) break;
      if (c == '-') form.align = '<';
      if (c == '+' || (c == ' ' && form.sign != '+')) form.sign = c;
      if (c == '0' && form.align != '<') {
        form.fill = "0";
        form.align = '=';
      }
      form.alternate |= c == '#';
      rest_.remove_prefix(1);
    }
    form.width = std::clamp<std::int64_t>(count(), 0, kWidthLimit);
    if (skip(rest_, '.')) {
      form.precision = std::clamp<std::int64_t>(count(), 0, kWidthLimit);
    }
    if (rest_.empty()) throw Fault("incomplete format");
    form.type = rest_[0];
    rest_.remove_prefix(1);
    append(value ? *value : next(), form);
  }

  void append(const Value& value, Specification form) {
    constexpr std::string_view kNumbers = "diuxXofFeEgG";
    if (form.type == 's' || form.type == 'r') {
      if (form.align == '=') form.fill = " ";
      const char align = form.align == '<' ? '<' : '>';
      const Value text =
          form.type == 'r' ? Value::text(to_repr(value, budget_)) : value;
      form.align = align;
      out_.append(text_text(text, form, budget_));
    } else if (kNumbers.find(form.type) == kNumbers.npos) {
      throw Fault("unsupported format character", std::string(1, form.type));
    } else if (!value.is_number()) {
      throw Fault(std::string("%") + form.type + " format", describe(value),
                  "a number");
    } else {
      const bool whole =
          form.type == 'd' || form.type == 'i' || form.type == 'u';
      if (whole) {
        form.type = ' ';
        form.precision = -1;
      }
      const Value number =
          whole && !value.is_whole() && std::abs(value.number()) < 9e18
              ? Value::integer(static_cast<std::int64_t>(value.number()))
              : value;
      out_.append(number_text(number, form, budget_));
    }
  }

  std::string_view rest_;
  const Value& arguments_;
  Budget& budget_;
  TextBuilder out_;
  const Sequence* tuple_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace

std::string format_value(const Value& value, std::string_view specification,
                         Budget& budget) {
  if (specification.empty()) return to_text(value, budget);
  const Specification form = read_specification(specification);
  const bool number = value.is_number() && form.type != 's' &&
                      (!value.as<bool>() || form.type != ' ');
  return number ? number_text(value, form, budget)
                : text_text(value, form, budget);
}

Value format_percent(const Value& form, const Value& arguments,
                     Budget& budget) {
  return Value::text(PercentFormat(*form.as_text(), arguments, budget).run(),
                     form.is_markup());
}

}  // namespace graft::text::jinja
