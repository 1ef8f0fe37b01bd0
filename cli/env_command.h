// `graft env`: what graft runs on. Entry point: env_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int env_command(const std::vector<std::string>& args);

}  // namespace graft::cli
