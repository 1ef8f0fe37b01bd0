// A command of the program and the one place that runs it. Entry points:
// Command, run_program.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graft::cli {

struct Command {
  std::string_view name;
  std::string_view summary;
  // `args` are the words after the command's name. Returns the exit code;
  // throws graft's errors, CLI::ParseError for usage.
  int (*run)(const std::vector<std::string>& args);
};

// Finds args[0] in `commands`, runs it and maps what it throws to exit codes:
// 2 usage or configuration, 3 bad input file, 4 the system, 1 anything else.
// Warnings of the library go to standard error with "warning:" in front.
int run_program(std::span<const Command> commands,
                const std::vector<std::string>& args);

}  // namespace graft::cli
