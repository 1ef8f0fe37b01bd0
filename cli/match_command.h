// `graft match`. Entry point: match_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

// Names from standard input; `pattern<TAB>name` of the hits, in their order.
int match_command(const std::vector<std::string>& args);

}  // namespace graft::cli
