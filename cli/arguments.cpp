// CLI11 takes its words in reverse order.
#include "arguments.h"

#include <algorithm>
#include <iostream>
#include <utility>

namespace graft::cli {

void parse_arguments(CLI::App& app, std::vector<std::string> args) {
  std::reverse(args.begin(), args.end());
  try {
    app.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    throw;
  }
}

}  // namespace graft::cli
