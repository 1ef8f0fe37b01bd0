// A row of messages as training data. Entry point: read_chat_row.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "graft/text/chat.h"

namespace graft {

// Checks roles and contents; keys that are no part of a chat go to `unknown`.
// Throws FileError that says where in the row.
Chat read_chat_row(const nlohmann::ordered_json& row,
                   const std::function<void(const std::string&)>& unknown);

}  // namespace graft
