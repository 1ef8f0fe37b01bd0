// Python's str, on valid UTF-8: characters are code points. Entry points: the
// functions below; templates are written for their exact results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace graft::text::python {

bool is_space(char32_t value);      // str.isspace
bool is_printable(char32_t value);  // str.isprintable
bool is_cased(char32_t value);

std::size_t char_count(std::string_view text);
// The byte where character `index` starts; text.size() past the end.
std::size_t byte_of(std::string_view text, std::size_t index);
std::vector<std::string_view> characters(std::string_view text);

struct Sides {
  bool left = true;
  bool right = true;
};
std::string_view strip(std::string_view text, Sides sides = {});
// Any of the characters of `set`.
std::string_view strip(std::string_view text, std::string_view set,
                       Sides sides);

// At most `limit` cuts; negative: no limit.
std::vector<std::string_view> split_space(std::string_view text,
                                          std::int64_t limit, bool from_right);
// `separator` is not empty.
std::vector<std::string_view> split(std::string_view text,
                                    std::string_view separator,
                                    std::int64_t limit, bool from_right);
std::vector<std::string_view> split_lines(std::string_view text,
                                          bool keep_ends);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);
std::string swap_case(std::string_view text);

}  // namespace graft::text::python
