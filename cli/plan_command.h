// `graft plan`. Entry point: plan_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

// What would be adapted, from names and shapes alone.
int plan_command(const std::vector<std::string>& args);

}  // namespace graft::cli
