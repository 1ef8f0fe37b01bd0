// The recipe's keys as flags of a command. Entry points: RecipeArguments,
// ScopedRecipeArguments.
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
  friend class ScopedRecipeArguments;
  RecipeArguments() = default;
  void add_set(CLI::App& app, const std::string& help);

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

// The same for a command that only some keys mean anything to.
class ScopedRecipeArguments {
 public:
  enum class Flags { kNone, kOnePerKey };
  ScopedRecipeArguments(CLI::App& app, KeyScope scope,
                        Flags flags = Flags::kOnePerKey);

  // Throws ConfigError that names every key outside of the scope.
  Recipe recipe() const { return make_recipe(arguments_.settings(), scope_); }

 private:
  KeyScope scope_;
  RecipeArguments arguments_;
};

}  // namespace graft::cli
