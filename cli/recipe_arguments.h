// The recipe's keys as flags of a command. Entry points: RecipeArguments,
// ScopedRecipeArguments, join_words.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/recipe/option.h"
#include "graft/recipe/recipe.h"

namespace graft::cli {

// The keys of a section: "" for the top level, "adapter", "data", ...
std::vector<std::string_view> keys_of(std::string_view section);

// The settings and `words`, arguments without a flag. Throws ConfigError when a
// key is given by both.
std::vector<Setting> join_words(std::vector<Setting> settings,
                                std::vector<Setting> words,
                                const std::string& command);

// Adds --set, and a flag for every key of a recipe; it must outlive the
// parsing.
class RecipeArguments {
 public:
  explicit RecipeArguments(CLI::App& app);

  // What was typed: flags first, then --set in order.
  std::vector<Setting> settings() const;

 private:
  friend class ScopedRecipeArguments;
  RecipeArguments() = default;
  void add_set(CLI::App& app, const std::string& help);
  void add_key(CLI::App& app, const OptionInfo& option);

  struct Flag {
    std::string key;
    std::string word;
    std::string value;
    std::vector<std::string> entries;  // of a key that may be given again
    CLI::Option* option = nullptr;
  };
  static CLI::Option* add_option(CLI::App& app, const OptionInfo& option,
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

  // Defaults, and what was typed: `words` are arguments without a flag. Throws
  // ConfigError that names every key outside of the scope, and a key that is
  // given by a word and a flag.
  Recipe recipe(std::vector<Setting> words = {}) const;
  // The same over a recipe, whose other keys are of other commands.
  Recipe recipe_over(const std::filesystem::path& path,
                     std::vector<Setting> words = {}) const;

 private:
  std::vector<Setting> settings(std::vector<Setting> words) const;

  KeyScope scope_;
  RecipeArguments arguments_;
};

}  // namespace graft::cli
