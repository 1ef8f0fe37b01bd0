// Declares one flag for each key of the recipe. Entry point: RecipeArguments.
#include "recipe_arguments.h"

#include <algorithm>

#include "graft/recipe/option.h"

namespace graft::cli {
namespace {

std::string_view section_of(std::string_view key) {
  const std::size_t dot = key.find('.');
  return dot == std::string_view::npos ? std::string_view()
                                       : key.substr(0, dot);
}

std::string flag_words(const OptionInfo& option) {
  std::string out = option.flag();
  if (!option.alias.empty()) out += ",--" + std::string(option.alias);
  if (option.key == "output") out = "-o," + out;
  return out;
}

std::string help_text(const OptionInfo& option) {
  std::string out(option.doc);
  out += " (" + std::string(option.values);
  if (!option.preset.empty()) out += "; default " + option.preset;
  return out + ")";
}

}  // namespace

RecipeArguments::RecipeArguments(
    CLI::App& app, const std::vector<std::string_view>& sections) {
  for (const OptionInfo& option : recipe_options()) {
    const std::string_view section = section_of(option.key);
    if (std::ranges::find(sections, section) == sections.end()) continue;
    Flag& flag = flags_.emplace_back();
    flag.key = option.key;
    flag.word = option.flag();
    flag.option =
        app.add_option(flag_words(option), flag.value, help_text(option));
  }
  app.add_option("--set", sets_,
                 "A key of the recipe: --set training.steps=50; repeatable")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

std::vector<Setting> RecipeArguments::settings() const {
  std::vector<Setting> out;
  for (const Flag& flag : flags_) {
    if (flag.option->count() > 0) {
      out.push_back({flag.key, flag.value, flag.word});
    }
  }
  for (const std::string& text : sets_) {
    out.push_back(parse_setting(text, "--set"));
  }
  return out;
}

}  // namespace graft::cli
