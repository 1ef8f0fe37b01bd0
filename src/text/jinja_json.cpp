// json.dumps of Python's standard library.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "text/jinja_printer_internal.h"
#include "text/unicode_internal.h"

namespace graft::text::jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget)
      : style_(style), budget_(budget), out_(budget) {}

  void write(const Value& value) {
    budget_.step();
    const Nesting nesting(budget_);
    const Sequence* sequence = value.as_sequence();
    if (const std::string* text = value.as_text()) {
      write_text(*text);
    } else if (const Dict* dict = value.as_dict()) {
      write_dict(*dict);
    } else if (sequence && (sequence->kind == SequenceKind::kList ||
                            sequence->kind == SequenceKind::kTuple)) {
      write_list(sequence->items);
    } else {
      out_.append(plain_text(value));
    }
  }

  std::string finish() { return out_.finish(); }

 private:
  static std::string plain_text(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* flag = value.as<bool>()) return *flag ? "true" : "false";
    if (value.is_whole()) return std::to_string(value.whole());
    if (value.is_number()) {
      const double number = value.number();
      if (std::isnan(number)) return "NaN";
      if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
      return float_text(number);
    }
    throw Fault(std::string("tojson: object of type ") + value.type_name() +
                " is not JSON serializable");
  }

  void write_key(const Value& key) {
    if (const std::string* text = key.as_text()) {
      write_text(*text);
    } else if (key.is_none() || key.is_number()) {
      out_.append("\"" + plain_text(key) + "\"");
    } else {
      throw Fault("tojson: a key of a mapping", key.type_name(), "a string");
    }
  }

  void write_list(const Values& items) {
    if (items.empty()) return out_.append("[]");
    out_.append("[");
    ++level_;
    bool first = true;
    for (const Value& item : items) {
      start_item(first);
      first = false;
      write(item);
    }
    --level_;
    break_line();
    out_.append("]");
  }

  void write_dict(const Dict& dict) {
    if (dict.entries.empty()) return out_.append("{}");
    out_.append("{");
    ++level_;
    bool first = true;
    for (const Entry* entry : ordered(dict)) {
      start_item(first);
      first = false;
      write_key(entry->first);
      out_.append(style_.key_separator);
      write(entry->second);
    }
    --level_;
    break_line();
    out_.append("}");
  }

  std::vector<const Entry*> ordered(const Dict& dict) const {
    std::vector<const Entry*> out;
    for (const Entry& entry : dict.entries) out.push_back(&entry);
    if (!style_.sort_keys) return out;
    for (const Entry* entry : out) {
      if (entry->first.as_text()) continue;
      throw Fault("tojson: sort_keys", entry->first.type_name(),
                  "keys that are strings");
    }
    std::ranges::stable_sort(out, [](const Entry* a, const Entry* b) {
      return *a->first.as_text() < *b->first.as_text();
    });
    return out;
  }

  void start_item(bool first) {
    if (!first) out_.append(style_.item_separator);
    break_line();
  }

  void break_line() {
    if (!style_.indent) return;
    out_.append("\n");
    for (int i = 0; i < level_; ++i) out_.append(*style_.indent);
  }

  void write_text(std::string_view text) {
    out_.append("\"");
    for (std::size_t at = 0; at < text.size();) {
      const DecodedChar next = decode_char(text, at);
      write_char(next.value, text.substr(at, next.length));
      at += next.length;
    }
    out_.append("\"");
  }

  void write_char(char32_t value, std::string_view bytes) {
    static constexpr std::string_view kShort = "\"\\\n\r\t\f\b";
    static constexpr std::string_view kLetters = "\"\\nrtfb";
    const std::size_t found =
        value < 0x80 ? kShort.find(static_cast<char>(value)) : kShort.npos;
    if (found != kShort.npos) {
      out_.append("\\");
      out_.append(kLetters.substr(found, 1));
    } else if (value < 0x20 || (style_.ensure_ascii && value > 0x7E)) {
      write_escape(value);
    } else {
      out_.append(bytes);
    }
  }

  void write_escape(char32_t value) {
    char buffer[16];
    if (value < 0x10000) {
      std::snprintf(buffer, sizeof buffer, "\\u%04x",
                    static_cast<unsigned>(value));
    } else {
      const auto rest = static_cast<unsigned>(value - 0x10000);
      std::snprintf(buffer, sizeof buffer, "\\u%04x\\u%04x",
                    0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
    }
    out_.append(buffer);
  }

  const JsonStyle& style_;
  Budget& budget_;
  TextBuilder out_;
  int level_ = 0;
};

}  // namespace

std::string to_json(const Value& value, const JsonStyle& style,
                    Budget& budget) {
  JsonWriter writer(style, budget);
  writer.write(value);
  return writer.finish();
}

}  // namespace graft::text::jinja
