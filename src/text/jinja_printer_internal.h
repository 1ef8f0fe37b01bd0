// Values as text: Python's str, repr and json.dumps. Entry points: to_text,
// to_repr, to_json.
#pragma once

#include <optional>
#include <string>

#include "text/jinja_budget_internal.h"

namespace graft::text::jinja {

std::string float_text(double value);  // repr of a float

std::string to_text(const Value& value, Budget& budget);
std::string to_repr(const Value& value, Budget& budget);

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // none: one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// Throws Fault for what JSON cannot hold.
std::string to_json(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace graft::text::jinja
