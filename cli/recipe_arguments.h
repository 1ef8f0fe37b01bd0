// The recipe's keys as flags of a command. Entry point: RecipeArguments.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/recipe/option.h"
#include "graft/recipe/recipe.h"

namespace graft::cli {

// Adds --set, and a flag for every key of the chosen sections; it must outlive
// the parsing.
class RecipeArguments {
 public:
  // `sections`: "" for the keys of the top level, "adapter", "data", ...
  RecipeArguments(CLI::App& app, const std::vector<std::string_view>& sections);

  // What was typed: flags first, then --set in order.
  std::vector<Setting> settings() const;

 private:
  struct Flag {
    std::string key;
    std::string word;
    std::string value;
    std::vector<std::string> entries;  // of a key that may be given again
    CLI::Option* option = nullptr;
  };
  static CLI::Option* add_flag(CLI::App& app, const OptionInfo& option,
                               Flag& flag);

  std::deque<Flag> flags_;  // CLI11 keeps references
  std::vector<std::string> sets_;
};

}  // namespace graft::cli
