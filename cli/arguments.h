// Parses one command's words with CLI11. Entry point: parse_arguments.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace graft::cli {

// Throws CLI::ParseError on bad usage; prints help and throws CLI::CallForHelp
// (a CLI::Success) on --help.
void parse_arguments(CLI::App& app, std::vector<std::string> args);

}  // namespace graft::cli
