// `graft generate`. Entry point: generate_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int generate_command(const std::vector<std::string>& args);

}  // namespace graft::cli
