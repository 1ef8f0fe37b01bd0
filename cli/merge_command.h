// The command `graft merge`. Entry point: merge_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int merge_command(const std::vector<std::string>& args);

}  // namespace graft::cli
