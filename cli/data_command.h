// Entry point: data_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

// `graft data show | check RECIPE.yaml`, or `MODEL DATA`.
int data_command(const std::vector<std::string>& args);

}  // namespace graft::cli
