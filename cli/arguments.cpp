// CLI11 takes its words in reverse order.
#include "arguments.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string_view>
#include <utility>

#include "help_formatter.h"

namespace graft::cli {

void parse_arguments(CLI::App& app, std::vector<std::string> args) {
  app.formatter(std::make_shared<HelpFormatter>());
  std::reverse(args.begin(), args.end());
  try {
    app.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    throw;
  }
}

std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "-_./=,:@+%";
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace graft::cli
