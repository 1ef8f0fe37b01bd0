// str.replace and padding, shared by filters and methods. Entry points:
// replace_all, pad_text.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja_budget_internal.h"

namespace graft::text::jinja {

struct Replacement {
  std::string text;
  std::string from;
  std::string to;
  std::int64_t limit = -1;  // replacements; negative: all
};
std::string replace_all(const Replacement& what, Budget& budget);

struct Padding {
  std::int64_t width = 0;  // characters
  std::string_view fill = " ";
  char side = '<';  // the text's: < left, > right, ^ Python's centre
};
Value pad_text(const Value& text, const Padding& padding, Budget& budget);

// str.find with all its variants: the character's index, or -1.
std::int64_t find_text(std::string_view text, std::string_view part,
                       bool from_right);

}  // namespace graft::text::jinja
