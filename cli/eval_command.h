// `graft eval`. Entry point: eval_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int eval_command(const std::vector<std::string>& args);

}  // namespace graft::cli
