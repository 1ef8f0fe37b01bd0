// JSON written straight to a text, indented by two: a plan may have 50,000
// sites, for which a document tree would take ten times as long. Entry point:
// JsonWriter.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft {

class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_list() { open('['); }
  void end_list() { close(']'); }
  // Stands before a value of an object.
  void key(std::string_view name);

  // Bytes that are not UTF-8 become replacement characters.
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(double number);
  void value(bool truth) { put(truth ? "true" : "false"); }
  void null() { put("null"); }
  template <std::integral Number>
  void value(Number number) {
    char digits[24];
    const auto result = std::to_chars(digits, digits + sizeof digits, number);
    put({digits, static_cast<std::size_t>(result.ptr - digits)});
  }
  template <typename Value>
  void value(const std::optional<Value>& maybe) {
    maybe ? value(*maybe) : null();
  }
  void value(const std::vector<std::string>& texts) {
    begin_list();
    for (const std::string& text : texts) value(text);
    end_list();
  }
  template <typename Value>
  void field(std::string_view name, const Value& content) {
    key(name);
    value(content);
  }

  // The text, ended by a newline. Nothing may be written behind it.
  std::string take() { return std::move(out_ += '\n'); }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();
  void start_line();
  void put(std::string_view text);

  std::string out_;
  std::size_t depth_ = 0;
  bool first_ = true;  // nothing stands before it in its object or list
  bool after_key_ = false;
};

}  // namespace graft
