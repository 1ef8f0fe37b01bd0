// `graft train`. Entry point: train_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int train_command(const std::vector<std::string>& args);

}  // namespace graft::cli
