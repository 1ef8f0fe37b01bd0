// Declares one flag for each key of the recipe. Entry points: RecipeArguments,
// ScopedRecipeArguments, join_words.
#include "recipe_arguments.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "graft/base/error.h"

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
  return option.key == "adapter.targets" || option.key == "adapter.exclude" ||
         option.key == "adapter.target_parameters" ||
         option.key == "adapter.modules_to_save";
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

// "Rank of the adapters (whole number >= 1; default 32)".
std::string help_text(const OptionInfo& option) {
  std::string out(option.doc);
  if (out.ends_with('.')) out.pop_back();
  if (is_switch(option)) {
    return option.preset != "true"
               ? out
               : out + " (default true; " + option.flag() + "=false: not)";
  }
  out += " (" + std::string(option.values);
  if (!option.preset.empty()) out += "; default " + option.preset;
  return out + ")";
}

// What stands for a value in the help.
const char* value_word(const OptionInfo& option) {
  const auto has = [&](std::string_view part) {
    return option.values.find(part) != option.values.npos;
  };
  if (is_switch(option)) return "";
  if (is_entry_list(option)) return "ENTRY";
  if (option.key == "model") return "MODEL";
  if (option.key == "output") return "DIR";
  if (option.values.starts_with("mapping")) return "MAP";
  if (has("list")) return "LIST";
  if (has("file")) return has("number") ? "X|FILE" : "FILE";
  if (has("two numbers")) return "X,X";
  if (has("whole number")) return "N";
  return has("number") ? "X" : "WORD";
}

// "adapter.rank" is under "Adapter:".
std::string group_of(const OptionInfo& option) {
  std::string out(section_of(option.key));
  if (out.empty()) return "Options";
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out;
}

}  // namespace

std::vector<std::string_view> keys_of(std::string_view section) {
  std::vector<std::string_view> out;
  for (const OptionInfo& option : recipe_options()) {
    if (section_of(option.key) == section) out.push_back(option.key);
  }
  return out;
}

std::vector<Setting> join_words(std::vector<Setting> settings,
                                std::vector<Setting> words,
                                const std::string& command) {
  for (Setting& word : words) {
    const auto twice = std::ranges::find(settings, word.key, &Setting::key);
    if (twice != settings.end()) {
      throw ConfigError(ErrorText{.operation = command,
                                  .what = word.key + " is given twice: as " +
                                          word.place + " and by " +
                                          twice->place});
    }
    settings.push_back(std::move(word));
  }
  return settings;
}

RecipeArguments::RecipeArguments(CLI::App& app) {
  for (const OptionInfo& option : recipe_options()) add_key(app, option);
  add_set(app,
          "Any key of the recipe: --set training.steps=50; may be given again");
}

// Hidden where no key means anything.
void RecipeArguments::add_set(CLI::App& app, const std::string& help) {
  auto* option = app.add_option("--set", sets_, help)
                     ->expected(1)
                     ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                     ->option_text("KEY=VALUE");
  if (help.empty()) option->group("");
}

void RecipeArguments::add_key(CLI::App& app, const OptionInfo& option) {
  Flag& flag = flags_.emplace_back();
  flag.key = option.key;
  flag.word = option.flag();
  if (option.key == "adapter.targets") flag.word = "--target";
  flag.option = add_option(app, option, flag)
                    ->group(group_of(option))
                    ->option_text(value_word(option));
}

ScopedRecipeArguments::ScopedRecipeArguments(CLI::App& app, KeyScope scope,
                                             Flags flags)
    : scope_(std::move(scope)) {
  std::string keys;
  for (const OptionInfo& option : recipe_options()) {
    const auto& known = scope_.keys;
    if (std::ranges::find(known, option.key) == known.end()) continue;
    keys += (keys.empty() ? "" : ", ") + std::string(option.key);
    if (flags == Flags::kOnePerKey) arguments_.add_key(app, option);
  }
  arguments_.add_set(app, keys.empty() ? ""
                                       : "A key of the recipe: " + keys +
                                             "; may be given again");
}

std::vector<Setting> ScopedRecipeArguments::settings(
    std::vector<Setting> words) const {
  return join_words(arguments_.settings(), std::move(words), scope_.command);
}

Recipe ScopedRecipeArguments::recipe(std::vector<Setting> words) const {
  return make_recipe(settings(std::move(words)), scope_);
}

Recipe ScopedRecipeArguments::recipe_over(const std::filesystem::path& path,
                                          std::vector<Setting> words) const {
  return load_recipe(path, settings(std::move(words)), scope_);
}

CLI::Option* RecipeArguments::add_option(CLI::App& app,
                                         const OptionInfo& option, Flag& flag) {
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
