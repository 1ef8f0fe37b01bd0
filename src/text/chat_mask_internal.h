// Which tokens of a rendered chat are learnt. Entry point: mask_answers.
// docs/design/07-chat.md says why so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graft/text/chat_template.h"
#include "graft/text/tokenized_rows.h"

namespace graft {

struct ChatMask {
  std::vector<std::int64_t> ids;   // of the whole rendered text
  std::vector<TokenSpan> answers;  // learnt, in order and apart
  std::size_t rewritten = 0;       // answers that are not learnt
  std::size_t shortened = 0;       // learnt without part of what the row says
  std::size_t straddling = 0;      // learnt tokens that begin before an answer
};

// Throws FileError when the template refuses the chat, or when no answer of it
// can be told from the rest.
ChatMask mask_answers(const Chat& chat, const Tokenizer& tokenizer,
                      ChatRenderer& chats);

}  // namespace graft
