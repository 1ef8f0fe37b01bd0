// Text as Python prints it.
#include "text/jinja_printer_internal.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "text/jinja_loop_internal.h"
#include "text/python_text_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

class ReprWriter {
 public:
  explicit ReprWriter(Budget& budget) : budget_(budget), out_(budget) {}

  void write(const Value& value) {
    budget_.step();
    const Nesting nesting(budget_);
    if (const std::string* text = value.as_text()) {
      if (value.is_markup()) out_.append("Markup(");
      write_text(*text);
      if (value.is_markup()) out_.append(")");
    } else if (const Sequence* sequence = value.as_sequence()) {
      write_sequence(*sequence);
    } else if (const Dict* dict = value.as_dict()) {
      write_entries(dict->entries);
    } else if (const auto* space = value.as<Namespace*>()) {
      write_namespace(**space);
    } else {
      out_.append(plain_text(value));
    }
  }

  static std::string plain_text(const Value& value) {
    if (value.is_undefined()) return "Undefined";
    if (value.is_none()) return "None";
    if (const bool* flag = value.as<bool>()) return *flag ? "True" : "False";
    if (value.is_whole()) return std::to_string(value.whole());
    if (value.is_number()) return float_text(value.number());
    if (const auto* loop = value.as<LoopState*>()) return (*loop)->repr();
    if (value.as_iterator()) return "<generator object>";
    const Callable* callable = value.as_callable();
    return callable ? "<" + callable->name + ">" : "";
  }

  std::string finish() { return out_.finish(); }

 private:
  void write_items(const Values& items) {
    bool first = true;
    for (const Value& item : items) {
      if (!first) out_.append(", ");
      first = false;
      write(item);
    }
  }

  void write_sequence(const Sequence& sequence) {
    switch (sequence.kind) {
      case SequenceKind::kRange:
        out_.append(sequence.label);
        return;
      case SequenceKind::kTuple:
        out_.append("(");
        write_items(sequence.items);
        out_.append(sequence.items.size() == 1 ? ",)" : ")");
        return;
      case SequenceKind::kList:
        out_.append("[");
        write_items(sequence.items);
        out_.append("]");
        return;
      default:
        out_.append(sequence.kind == SequenceKind::kKeys     ? "dict_keys(["
                    : sequence.kind == SequenceKind::kValues ? "dict_values(["
                                                             : "dict_items([");
        write_items(sequence.items);
        out_.append("])");
    }
  }

  void write_entries(const std::vector<Entry>& entries) {
    out_.append("{");
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) out_.append(", ");
      first = false;
      write(key);
      out_.append(": ");
      write(value);
    }
    out_.append("}");
  }

  void write_namespace(const Namespace& space) {
    std::vector<Entry> entries;
    for (const auto& [key, value] : space.entries) {
      entries.emplace_back(Value::text(key), value);
    }
    out_.append("<Namespace ");
    write_entries(entries);
    out_.append(">");
  }

  void write_text(std::string_view text) {
    const bool has_single = text.find('\'') != text.npos;
    const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
    out_.append(1, quote);
    for (std::size_t at = 0; at < text.size();) {
      const DecodedChar next = decode_char(text, at);
      write_char(next.value, text.substr(at, next.length), quote);
      at += next.length;
    }
    out_.append(1, quote);
  }

  void write_char(char32_t value, std::string_view bytes, char quote) {
    if (value == static_cast<unsigned char>(quote) || value == '\\') {
      out_.append("\\");
      out_.append(bytes);
    } else if (value == '\n' || value == '\r' || value == '\t') {
      out_.append(value == '\n' ? "\\n" : value == '\r' ? "\\r" : "\\t");
    } else if (python::is_printable(value)) {
      out_.append(bytes);
    } else {
      char buffer[16];
      const char* form = value < 0x100     ? "\\x%02x"
                         : value < 0x10000 ? "\\u%04x"
                                           : "\\U%08x";
      std::snprintf(buffer, sizeof buffer, form, static_cast<unsigned>(value));
      out_.append(buffer);
    }
  }

  Budget& budget_;
  TextBuilder out_;
};

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 std::chars_format::scientific);
  std::string text(buffer, end.ptr);
  const std::size_t mark = text.find('e');
  const int exponent = std::stoi(text.substr(mark + 1));
  if (exponent < -4 || exponent >= 16) return text;
  std::string sign = text[0] == '-' ? "-" : "";
  std::string digits = text.substr(sign.size(), mark - sign.size());
  std::erase(digits, '.');
  if (exponent < 0) {
    return sign + "0." + std::string(-exponent - 1, '0') + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() < whole) digits.append(whole - digits.size(), '0');
  const std::string rest = digits.substr(whole);
  return sign + digits.substr(0, whole) + "." + (rest.empty() ? "0" : rest);
}

std::string to_repr(const Value& value, Budget& budget) {
  ReprWriter writer(budget);
  writer.write(value);
  return writer.finish();
}

std::string to_text(const Value& value, Budget& budget) {
  if (value.is_undefined()) return "";
  if (const std::string* text = value.as_text()) {
    budget.take(text->size());
    return *text;
  }
  return to_repr(value, budget);
}

}  // namespace graft::text::jinja
