// `graft generate MODEL --prompt TEXT`: the text alone on standard output.
// Entry point: generate_command.
#include "generate_command.h"

#include <iostream>
#include <iterator>
#include <utility>

#include "arguments.h"
#include "graft/checkpoint/live_adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/generate/generate.h"
#include "graft/generate/text_stream.h"
#include "graft/text/chat_template.h"
#include "interrupt.h"
#include "recipe_arguments.h"
#include "token_data.h"
#include "train_setup.h"

namespace graft::cli {
namespace {

struct GenerateArguments {
  std::string model;
  std::string prompt;
  std::string adapter;
  std::vector<std::string> stops;
  std::string system;
  bool chat = false;
  GenerateOptions options;
  Recipe recipe;
};

GenerateArguments parse(const std::vector<std::string>& args) {
  CLI::App app("Continues a prompt; prints the new text alone.",
               "graft generate");
  GenerateArguments out;
  SamplingOptions& sampling = out.options.sampling;
  app.add_option("MODEL", out.model, "model directory, MODEL.gguf or hub id")
      ->required();
  app.add_option("--prompt", out.prompt, "The text; - reads standard input")
      ->required();
  app.add_option("--adapter", out.adapter, "An adapter directory");
  auto* chat = app.add_flag(
      "--chat", out.chat,
      "The prompt is a user's message in the model's chat template");
  app.add_option("--system", out.system, "A system message before it")
      ->needs(chat);
  app.add_option("--max-new-tokens", out.options.max_new_tokens,
                 "Most tokens to add (default 128)");
  app.add_option("--temperature", sampling.temperature,
                 "0 (default): always the most likely token");
  app.add_option("--top-p", sampling.top_p,
                 "Sample from the likeliest tokens of this probability");
  app.add_option("--top-k", sampling.top_k,
                 "Sample from so many tokens; 0: all");
  app.add_option("--stop", out.stops,
                 "Ends before this text; may be given again")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const ScopedRecipeArguments recipe(
      app, {"generate",
            {"compute.device", "compute.dtype", "compute.weight_layout",
             "compute.threads", "compute.seed"}});
  parse_arguments(app, args);
  out.recipe = recipe.recipe();
  sampling.seed = out.recipe.compute.seed;
  if (out.prompt == "-") {
    out.prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  return out;
}

std::vector<std::int64_t> encode_prompt(const GenerateArguments& arguments,
                                        const Tokenizer& tokenizer) {
  if (arguments.chat) {
    std::vector<ChatMessage> messages;
    if (!arguments.system.empty()) {
      messages.push_back({"system", arguments.system});
    }
    messages.push_back({"user", arguments.prompt});
    ChatRenderer chats(tokenizer);
    const RenderedChat chat =
        chats.render(Chat::of(messages), {.add_generation_prompt = true});
    return tokenizer.encode(chat.text, false);
  }
  std::vector<std::int64_t> out = tokenizer.special_prefix();
  const auto ids = tokenizer.encode(arguments.prompt, false);
  out.insert(out.end(), ids.begin(), ids.end());
  return out;
}

// Prints text as tokens come.
class TextPrinter {
 public:
  TextPrinter(const Tokenizer& tokenizer, std::vector<std::string> stops)
      : tokenizer_(tokenizer), stream_(std::move(stops)) {}

  // True when a stop text has come.
  bool add(std::int64_t token) {
    tokens_.push_back(token);
    std::cout << stream_.advance(tokenizer_.decode(tokens_, true))
              << std::flush;
    return stream_.stopped();
  }
  void finish() { std::cout << stream_.finish() << '\n'; }

 private:
  const Tokenizer& tokenizer_;
  std::vector<std::int64_t> tokens_;
  TextStream stream_;
};

}  // namespace

int generate_command(const std::vector<std::string>& args) {
  GenerateArguments arguments = parse(args);
  set_threads(arguments.recipe.compute);
  BaseModel base =
      load_base_model(locate_model(arguments.model),
                      make_compute_options(arguments.recipe.compute));
  if (!arguments.adapter.empty()) load_hf_adapter(base, arguments.adapter);
  const ModelText text = open_model_text(base);
  const auto prompt = encode_prompt(arguments, text.tokenizer);
  TextPrinter printer(text.tokenizer, arguments.stops);
  const ScopedInterrupt interrupt;
  GenerateOptions& options = arguments.options;
  options.stop_tokens = text.stop_tokens;
  options.cancellation = interrupt.token();
  options.stop_after = [&](std::size_t, std::int64_t token) {
    return printer.add(token);
  };
  graft::generate(*base.model, {prompt}, options);
  printer.finish();
  return 0;
}

}  // namespace graft::cli
