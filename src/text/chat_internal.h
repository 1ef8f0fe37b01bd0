// What a Chat holds. Entry points: Chat::State, make_chat.
#pragma once

#include <nlohmann/json_fwd.hpp>
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

}  // namespace graft
