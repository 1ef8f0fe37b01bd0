// Parses one command's words with CLI11, and prints words to be pasted. Entry
// points: parse_arguments, shell_word.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace graft::cli {

// Throws CLI::ParseError on bad usage; prints help and throws CLI::CallForHelp
// (a CLI::Success) on --help.
void parse_arguments(CLI::App& app, std::vector<std::string> args);

// As a POSIX shell reads it back: in quotes where it needs them.
std::string shell_word(const std::string& word);

}  // namespace graft::cli
