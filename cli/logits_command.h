// `graft logits`: raw logits of token ids. Entry point: logits_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

int logits_command(const std::vector<std::string>& args);

}  // namespace graft::cli
