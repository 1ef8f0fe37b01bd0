// One JSON object a line, text to ids and ids to text: what `graft tokenize`
// reads and writes. Entry points: tokenize_json_line, render_json_line,
// detokenize_json_line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "graft/text/chat_template.h"
#include "graft/text/tokenizer.h"

namespace graft {

// A line of input and its number, from 1, for errors.
struct JsonLine {
  std::string_view text;
  std::size_t number = 0;
};

struct LineTokenizer {
  const Tokenizer& tokenizer;
  ChatRenderer& chats;
  bool add_special = true;  // around texts; a chat has its own
};

// {"text": "..."} -> {"ids":[...]}, and so {"messages": [...], ...}, which the
// model's chat template renders. Throws FileError that names the line.
std::string tokenize_json_line(const LineTokenizer& with, const JsonLine& line);

// {"messages": [...], ...} -> {"text":"..."} by one template; the messages as
// they are. Throws FileError that names the line.
std::string render_json_line(const ChatTemplate& with,
                             const RenderOptions& options,
                             const JsonLine& line);

// {"ids": [...]} -> {"text":"..."}. Throws FileError that names the line.
std::string detokenize_json_line(const Tokenizer& tokenizer,
                                 const JsonLine& line, bool skip_special);

}  // namespace graft
