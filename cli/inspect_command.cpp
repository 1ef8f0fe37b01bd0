// Prints what a checkpoint, a safetensors file or an adapter holds.
#include "inspect_command.h"

#include <iostream>

#include "arguments.h"
#include "graft/formats/hf/model_location.h"
#include "graft/merge/inspect.h"
#include "recipe_arguments.h"

namespace graft::cli {
namespace {

struct Options {
  std::string path;
  bool all = false;
  bool json = false;
};

Options parse_options(const std::vector<std::string>& args) {
  Options out;
  CLI::App app(
      "Shows what a model directory, one .safetensors or .gguf file, or an "
      "adapter directory holds",
      "graft inspect");
  app.add_option("PATH", out.path, "file, directory or hub id")->required();
  app.add_flag("--all", out.all, "every tensor, not one row for all layers");
  app.add_flag("--json", out.json, "print as JSON");
  // A file is no recipe: no key means anything, and each is named.
  const ScopedRecipeArguments recipe(app, {"inspect", {}});
  parse_arguments(app, args);
  recipe.recipe();
  return out;
}

}  // namespace

int inspect_command(const std::vector<std::string>& args) {
  const Options options = parse_options(args);
  const Inspection inspection =
      inspect_path(locate_model(options.path), !options.all);
  std::cout << (options.json ? inspection_to_json(inspection)
                             : inspection_to_text(inspection));
  return 0;
}

}  // namespace graft::cli
