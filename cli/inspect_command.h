// The command `graft inspect`. Entry point: inspect_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int inspect_command(const std::vector<std::string>& args);

}  // namespace graft::cli
