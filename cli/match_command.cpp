// Tries patterns on names, without a model.
#include "match_command.h"

#include <iostream>
#include <string_view>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/match/selector.h"
#include "selection_options.h"

namespace graft::cli {
namespace {

Rule parse_rule(const std::vector<std::string>& args) {
  SelectionOptions options;
  CLI::App app(
      "Reads names on standard input, one a line, and prints PATTERN<TAB>NAME "
      "for each that the selection hits",
      "graft match");
  add_selection_options(app, options);
  parse_arguments(app, args);
  if (options.targets.empty()) {
    throw ConfigError(ErrorText{
        .operation = "match",
        .what = "no --target is given, and names alone do not say which "
                "modules are linear",
        .hint = "Give --target '*' for every name that no --exclude hits, or "
                "use graft plan MODEL"});
  }
  return make_rule(options);
}

}  // namespace

int match_command(const std::vector<std::string>& args) {
  const Selector selector = Selector::compile({parse_rule(args)});
  const std::vector<std::string>& targets = selector.rules().front().targets;
  std::vector<bool> used(targets.size(), false);
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.ends_with('\r')) line.pop_back();
    const std::string_view name(line);
    const std::string_view last = name.substr(name.rfind('.') + 1);
    const auto entry = selector.match_one(0, last, name);
    if (!entry) continue;
    used[*entry] = true;
    std::cout << targets[*entry] << '\t' << line << '\n';
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (used[i]) continue;
    std::cerr << "warning: '" << targets[i]
              << "' hits no name, or only names that an earlier target hits\n";
  }
  return 0;
}

}  // namespace graft::cli
