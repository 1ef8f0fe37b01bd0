// Text for a terminal. Entry point: visible_text.
#pragma once

#include <string>
#include <string_view>

namespace graft::cli {

// Names come from strangers' files: control characters but tab and newline are
// written as \xNN, so that none of them steers the terminal. What is not UTF-8
// stays as it is.
std::string visible_text(std::string_view text);

}  // namespace graft::cli
