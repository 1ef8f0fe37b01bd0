// The words by which a command's user selects modules. Entry points:
// SelectionOptions, add_selection_options, make_rule.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "graft/match/rule.h"

namespace graft::cli {

struct SelectionOptions {
  std::vector<std::string> targets;
  std::vector<std::string> excludes;
  std::string syntax = "glob";
};

// --target, --exclude, --syntax.
void add_selection_options(CLI::App& app, SelectionOptions& options);

// In syntax peft, a lone target (or exclude) that holds a character of regular
// expressions is PEFT's string form; everything else is its list form.
Rule make_rule(const SelectionOptions& options);

}  // namespace graft::cli
