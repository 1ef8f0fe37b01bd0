// `graft convert`. Entry point: convert_command.
#pragma once

#include <string>
#include <vector>

namespace graft::cli {

// A GGUF file as a Hugging Face directory.
int convert_command(const std::vector<std::string>& args);

}  // namespace graft::cli
