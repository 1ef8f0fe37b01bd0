// Where a chat template puts an answer, found by rendering the chat again with
// a mark in the answer's place. Entry points: find_answer_place, shows_all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "graft/text/chat_template.h"

namespace graft {

struct AnswerPlace {
  TextSpan content;     // of the whole chat's text
  std::size_t end = 0;  // where the template stops closing the turn
  // Why the answer cannot be learnt, for people; empty: it can. Then the
  // places mean nothing.
  std::string problem;
};

// `whole` is the text of `chat`; `message` has the role assistant. An answer
// that the template shows otherwise once others follow has a place only when
// nothing that its author wrote is missing there.
AnswerPlace find_answer_place(const Chat& chat, std::size_t message,
                              std::string_view whole, ChatRenderer& chats);

// True when `shown` has everything that the message says, white space aside: a
// template may take thinking out of an answer. What is no text counts as shown.
bool shows_all(const Chat& chat, std::size_t message, std::string_view shown);

}  // namespace graft
