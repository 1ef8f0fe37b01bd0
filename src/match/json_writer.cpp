// Brackets, commas and indents; texts with anything unusual go to the JSON
// library.
#include "match/json_writer_internal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace graft {
namespace {

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
  });
}

}  // namespace

void JsonWriter::key(std::string_view name) {
  value(name);
  out_ += ": ";
  after_key_ = true;
}

void JsonWriter::value(std::string_view text) {
  separate();
  if (!is_plain(text)) {
    using nlohmann::json;
    out_ += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    return;
  }
  out_ += '"';
  out_ += text;
  out_ += '"';
}

void JsonWriter::value(double number) { put(nlohmann::json(number).dump()); }

void JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (!first_) start_line();
  out_ += bracket;
  first_ = false;
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) out_ += ',';
  if (depth_ > 0) start_line();
  first_ = false;
}

void JsonWriter::start_line() {
  out_ += '\n';
  out_.append(2 * depth_, ' ');
}

void JsonWriter::put(std::string_view text) {
  separate();
  out_ += text;
}

}  // namespace graft
