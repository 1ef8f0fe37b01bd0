// Text or chats to ids, ids to text, chats to text: one JSON object a line.
#include "tokenize_command.h"

#include <filesystem>
#include <iostream>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_location.h"
#include "graft/io/mapped_file.h"
#include "graft/text/chat_template.h"
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
      "Reads JSON lines on standard input, {\"text\"} or {\"messages\"}, and "
      "writes {\"ids\"} for each",
      "graft tokenize");
  auto* path = app.add_option("PATH", out.path,
                              "model directory, MODEL.gguf, folder with "
                              "tokenizer.json, or hub id");
  auto* decode =
      app.add_flag("--decode", out.decode, "the other way: {\"ids\"} to text");
  app.add_flag("--no-special", out.no_special,
               "without the special tokens around the text")
      ->excludes(decode);
  app.add_flag("--skip-special", out.skip_special,
               "leave special tokens out of the text")
      ->needs(decode);
  app.add_option("--template", out.chat_template,
                 "a file with a bare Jinja template: renders {\"messages\"} "
                 "to {\"text\"}; PATH, if given, names the special tokens")
      ->excludes(decode);
  app.final_callback([&] {
    if (path->count() == 0 && out.chat_template.empty()) {
      throw CLI::RequiredError("PATH, or --template,");
    }
  });
  // A file is no recipe: no key means anything, and each is named.
  const ScopedRecipeArguments recipe(app, {"tokenize", {}});
  parse_arguments(app, args);
  recipe.recipe();
  return out;
}

// A folder with a tokenizer alone is no model.
fs::path tokenizer_path(const std::string& path) {
  return fs::exists(path) ? fs::path(path) : locate_model(path);
}

template <typename Convert>
void convert_lines(Convert convert) {
  std::ios::sync_with_stdio(false);
  std::string text;
  for (std::size_t number = 1; std::getline(std::cin, text); ++number) {
    std::cout << convert(JsonLine{text, number}) << '\n';
  }
}

std::string read_template(const std::string& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void render_lines(const Options& options) {
  RenderOptions render;
  render.as_transformers = false;
  if (!options.path.empty()) {
    render.tokens =
        template_tokens(Tokenizer::open(tokenizer_path(options.path)).config());
  }
  const ChatTemplate chat_template = ChatTemplate::compile(
      read_template(options.chat_template), options.chat_template);
  convert_lines([&](const JsonLine& line) {
    return render_json_line(chat_template, render, line);
  });
}

}  // namespace

int tokenize_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  if (!options.chat_template.empty()) {
    render_lines(options);
    return 0;
  }
  const Tokenizer tokenizer = Tokenizer::open(tokenizer_path(options.path));
  ChatRenderer chats(tokenizer);
  const LineTokenizer with{tokenizer, chats, !options.no_special};
  convert_lines([&](const JsonLine& line) {
    return options.decode
               ? detokenize_json_line(tokenizer, line, options.skip_special)
               : tokenize_json_line(with, line);
  });
  return 0;
}

}  // namespace graft::cli
