// The command `graft verify`. Entry point: verify_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int verify_command(const std::vector<std::string>& args);

}  // namespace graft::cli
