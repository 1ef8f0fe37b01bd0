// What a Chat holds. Entry points: Chat::State, make_chat,
// with_content, is_left_out.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/text/chat.h"
#include "text/jinja_value_internal.h"

namespace graft {

struct Chat::State {
  text::jinja::Values messages;
  std::vector<std::pair<std::string, text::jinja::Value>> variables;
};

// From a parsed object; FileError names `place`.
Chat make_chat(const nlohmann::ordered_json& row, const std::string& place);

// The chat with other words in a message; nullopt where Chat::text is.
std::optional<Chat> with_content(const Chat& chat, std::size_t message,
                                 const std::string& text);

// True when the message says so itself: its "weight" is 0.
bool is_left_out(const Chat& chat, std::size_t message);

}  // namespace graft
