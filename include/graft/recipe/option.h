// The table of recipe keys as seen from outside: help, flags, documentation
// and comparison. Entry points: recipe_options, option_values,
// options_to_markdown.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graft/recipe/recipe.h"

namespace graft {

struct OptionInfo {
  std::string_view key;     // "training.learning_rate"
  std::string_view values;  // "number > 0", "cosine | linear | constant"
  std::string_view doc;     // one sentence, unit included
  std::string_view alias;   // shorter flag, without dashes; usually empty
  std::string preset;       // the default as YAML

  // "--learning-rate": the last component with dashes.
  std::string flag() const;
};

// Every key, in the order in which recipes are printed.
const std::vector<OptionInfo>& recipe_options();

// key -> value as YAML, for comparing two recipes.
std::map<std::string, std::string> option_values(const Recipe& recipe);

// The list of docs/recipe.md.
std::string options_to_markdown();

}  // namespace graft
