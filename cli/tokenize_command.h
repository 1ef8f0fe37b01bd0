// `graft tokenize`. Entry point: tokenize_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

// JSON lines from standard input to standard output, one for one.
int tokenize_command(const std::vector<std::string>& args);

}  // namespace graft::cli
