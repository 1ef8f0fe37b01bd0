// Declares one flag for each key of the recipe. Entry points: RecipeArguments,
// ScopedRecipeArguments.
#include "recipe_arguments.h"

#include <algorithm>
#include <utility>

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
  if (option.key == "adapter.targets") out += ",--target";
  return out;
}

bool is_entry_list(const OptionInfo& option) {
  return option.key == "adapter.targets" || option.key == "adapter.exclude";
}

bool is_switch(const OptionInfo& option) {
  return option.values == "true | false";
}

// As YAML. One word stays as typed (all-linear, a,b,c, a YAML list, PEFT's
// expression), but a bare name is a list of one, as in graft match.
std::string entry_list_text(const std::vector<std::string>& entries) {
  constexpr std::string_view kNotBare = "*+?()[]{}|\\^$,";
  const std::string& first = entries.front();
  const bool bare = first.find_first_of(kNotBare) == std::string::npos;
  const bool half_list = first.starts_with('[') && !first.ends_with(']');
  if (entries.size() == 1 && !half_list && (!bare || first == "all-linear")) {
    return first;
  }
  std::string out = "[";
  for (const std::string& entry : entries) {
    if (out.size() > 1) out += ", ";
    out += '"';
    for (const char c : entry) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "]";
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
    if (option.key == "adapter.targets") flag.word = "--target";
    flag.option = add_flag(app, option, flag);
  }
  add_set(app, "A key of the recipe: --set training.steps=50; repeatable");
}

void RecipeArguments::add_set(CLI::App& app, const std::string& help) {
  app.add_option("--set", sets_, help)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

ScopedRecipeArguments::ScopedRecipeArguments(CLI::App& app, KeyScope scope,
                                             Flags flags)
    : scope_(std::move(scope)) {
  std::string keys;
  for (const OptionInfo& option : recipe_options()) {
    const auto& known = scope_.keys;
    if (std::ranges::find(known, option.key) == known.end()) continue;
    keys += (keys.empty() ? "" : ", ") + std::string(option.key);
    if (flags == Flags::kNone) continue;
    auto& flag = arguments_.flags_.emplace_back();
    flag.key = option.key;
    flag.word = option.flag();
    flag.option = RecipeArguments::add_flag(app, option, flag);
  }
  arguments_.add_set(app, keys.empty()
                              ? "KEY=VALUE; no key means anything here"
                              : "KEY=VALUE of " + keys + "; repeatable");
}

CLI::Option* RecipeArguments::add_flag(CLI::App& app, const OptionInfo& option,
                                       Flag& flag) {
  if (is_entry_list(option)) {
    return app
        .add_option(flag_words(option), flag.entries,
                    help_text(option) + "; may be given again")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  if (is_switch(option)) {
    return app.add_flag(flag_words(option), flag.value, help_text(option))
        ->take_last();
  }
  return app.add_option(flag_words(option), flag.value, help_text(option))
      ->take_last();
}

std::vector<Setting> RecipeArguments::settings() const {
  std::vector<Setting> out;
  for (const Flag& flag : flags_) {
    if (flag.option->count() > 0) {
      out.push_back(
          {flag.key,
           flag.entries.empty() ? flag.value : entry_list_text(flag.entries),
           flag.word});
    }
  }
  for (const std::string& text : sets_) {
    out.push_back(parse_setting(text, "--set"));
  }
  return out;
}

}  // namespace graft::cli
