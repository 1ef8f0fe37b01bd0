// Text to ids, or ids to text, one JSON object a line.
#include "tokenize_command.h"

#include <filesystem>
#include <iostream>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_location.h"
#include "graft/text/token_lines.h"
#include "graft/text/tokenizer.h"
#include "recipe_arguments.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string path;
  std::string chat_template;
  bool decode = false;
  bool no_special = false;
  bool skip_special = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app(
      "Reads JSON lines on standard input, {\"text\"}, and writes "
      "{\"ids\"} for each",
      "graft tokenize");
  app.add_option(
         "PATH", out.path,
         "model directory, MODEL.gguf, folder with tokenizer.json, or hub id")
      ->required();
  auto* decode =
      app.add_flag("--decode", out.decode, "the other way: {\"ids\"} to text");
  app.add_flag("--no-special", out.no_special,
               "without the special tokens around the text")
      ->excludes(decode);
  app.add_flag("--skip-special", out.skip_special,
               "leave special tokens out of the text")
      ->needs(decode);
  app.add_option("--template", out.chat_template,
                 "chat template (not in this version)");
  // A file is no recipe: no key means anything, and each is named.
  const ScopedRecipeArguments recipe(app, {"tokenize", {}});
  parse_arguments(app, args);
  recipe.recipe();
  if (!out.chat_template.empty()) {
    throw ConfigError(ErrorText{
        .operation = "tokenize",
        .what = "--template: chat templates come with a later version of "
                "graft"});
  }
  return out;
}

// A folder with a tokenizer alone is no model.
fs::path tokenizer_path(const std::string& path) {
  return fs::exists(path) ? fs::path(path) : locate_model(path);
}

}  // namespace

int tokenize_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  const Tokenizer tokenizer = Tokenizer::open(tokenizer_path(options.path));
  std::ios::sync_with_stdio(false);
  std::string text;
  for (std::size_t number = 1; std::getline(std::cin, text); ++number) {
    const JsonLine line{text, number};
    std::cout << (options.decode ? detokenize_json_line(tokenizer, line,
                                                        options.skip_special)
                                 : tokenize_json_line(tokenizer, line,
                                                      !options.no_special))
              << '\n';
  }
  return 0;
}

}  // namespace graft::cli
