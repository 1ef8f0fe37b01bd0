// One JSON object a line, text to ids and ids to text: what `graft tokenize`
// reads and writes. Entry points: tokenize_json_line, detokenize_json_line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "graft/text/tokenizer.h"

namespace graft {

// A line of input and its number, from 1, for errors.
struct JsonLine {
  std::string_view text;
  std::size_t number = 0;
};

// {"text": "..."} -> {"ids":[...]}. Throws FileError that names the line, and
// ConfigError for {"messages"}: chat templates are not there yet.
std::string tokenize_json_line(const Tokenizer& tokenizer, const JsonLine& line,
                               bool add_special);

// {"ids": [...]} -> {"text":"..."}. Throws FileError that names the line.
std::string detokenize_json_line(const Tokenizer& tokenizer,
                                 const JsonLine& line, bool skip_special);

}  // namespace graft
