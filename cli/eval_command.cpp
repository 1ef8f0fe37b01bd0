// `graft eval MODEL DATA`: loss, perplexity and exact match. Entry point:
// eval_command.
#include "eval_command.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <variant>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/checkpoint/live_adapter.h"
#include "graft/formats/hf/model_location.h"
#include "graft/generate/generate.h"
#include "graft/text/chat_template.h"
#include "graft/train/train.h"
#include "recipe_arguments.h"
#include "token_data.h"
#include "train_setup.h"

namespace graft::cli {
namespace {

constexpr std::size_t kPromptsAtOnce = 32;
// An answer that runs on for longer than the wanted one is no match.
constexpr std::int64_t kExtraTokens = 16;

struct EvalArguments {
  std::string model;
  std::string data;
  std::string adapter;
  bool json = false;
  Recipe recipe;
};

struct EvalResult {
  DataCounts counts;
  EvalMetrics loss;
  std::size_t answers = 0;  // rows that have one
  std::size_t matches = 0;
};

EvalArguments parse(const std::vector<std::string>& args) {
  CLI::App app("Loss, perplexity and exact match of greedy answers.",
               "graft eval");
  EvalArguments out;
  app.add_option("MODEL", out.model, "model directory, MODEL.gguf or hub id")
      ->required();
  app.add_option("DATA", out.data, "Rows: JSONL")->required();
  app.add_option("--adapter", out.adapter, "An adapter directory");
  app.add_flag("--json", out.json, "Print one JSON object");
  const ScopedRecipeArguments recipe(
      app, {"eval",
            {"data.max_length", "compute.device", "compute.dtype",
             "compute.weight_layout", "compute.threads"}});
  parse_arguments(app, args);
  out.recipe = recipe.recipe();
  return out;
}

// A row with an answer, ready to be asked.
struct Question {
  std::vector<std::int64_t> prompt;
  std::int64_t answer_tokens = 0;
  std::string answer;
  bool trims = false;  // white space around the answer does not count
};

// The last message of a chat when it is an answer in words to something.
std::optional<std::string> last_answer(const Chat& chat) {
  const std::size_t last = chat.size() - 1;
  if (last == 0 || chat.role(last) != "assistant") return std::nullopt;
  return chat.text(last);
}

bool has_answer(const RawRow& row) {
  const Chat* chat = std::get_if<Chat>(&row.content);
  return chat ? last_answer(*chat).has_value()
              : std::holds_alternative<PromptRow>(row.content);
}

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// The row's answer and what is asked for it.
class QuestionMaker {
 public:
  QuestionMaker(const Tokenizer& tokenizer, const std::string& data)
      : tokenizer_(tokenizer), chats_(tokenizer), data_(data) {}

  // nullopt for rows without an answer.
  std::optional<Question> make(const RawRow& raw, const DataRow& row) {
    if (const auto* pair = std::get_if<PromptRow>(&raw.content)) {
      if (row.answer_begin == 0) return std::nullopt;
      const auto begin = static_cast<std::ptrdiff_t>(row.answer_begin);
      return Question{{row.ids.begin(), row.ids.begin() + begin},
                      static_cast<std::int64_t>(row.ids.size()) - begin,
                      pair->completion};
    }
    const Chat* chat = std::get_if<Chat>(&raw.content);
    const auto answer = chat ? last_answer(*chat) : std::nullopt;
    if (!answer) return std::nullopt;
    const auto tokens = tokenizer_.encode(*answer, false).size();
    return Question{tokenizer_.encode(prompt_of(*chat, raw.line), false),
                    static_cast<std::int64_t>(tokens), trimmed(*answer), true};
  }

 private:
  // A template may refuse a chat that stops before its last answer.
  std::string prompt_of(const Chat& chat, std::size_t line) {
    try {
      return chats_
          .render(chat,
                  {.messages = chat.size() - 1, .add_generation_prompt = true})
          .text;
    } catch (const FileError& error) {
      throw FileError(ErrorText{
          .operation = "eval",
          .what = data_ + ": line " + std::to_string(line) +
                  ": the prompt of the last answer: " + error.what()});
    }
  }

  const Tokenizer& tokenizer_;
  ChatRenderer chats_;
  const std::string& data_;
};

// Short prompts first. Prompts past `max_length` tokens are left out: their
// answers count as missed.
std::vector<Question> make_questions(const std::vector<RawRow>& raw,
                                     const TokenizedData& data,
                                     QuestionMaker maker,
                                     std::size_t max_length) {
  std::vector<Question> out;
  for (const DataRow& row : data.rows) {
    auto question = maker.make(raw[row.raw_index], row);
    if (question && question->prompt.size() <= max_length) {
      out.push_back(*std::move(question));
    }
  }
  std::ranges::stable_sort(out, {},
                           [](const Question& q) { return q.prompt.size(); });
  return out;
}

bool matches(const std::string& text, const Question& question) {
  return (question.trims ? trimmed(text) : text) == question.answer;
}

std::size_t count_matches(nn::CausalLm& model, const ModelText& text,
                          const std::vector<Question>& questions) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < questions.size(); i += kPromptsAtOnce) {
    const std::size_t end = std::min(i + kPromptsAtOnce, questions.size());
    GenerateOptions options;
    options.stop_tokens = text.stop_tokens;
    options.max_new_tokens = kExtraTokens;
    std::vector<std::vector<std::int64_t>> prompts;
    for (std::size_t j = i; j < end; ++j) {
      prompts.push_back(questions[j].prompt);
      options.max_new_tokens = std::max(
          options.max_new_tokens, questions[j].answer_tokens + kExtraTokens);
    }
    const auto answers = graft::generate(model, prompts, options);
    for (std::size_t j = i; j < end; ++j) {
      count += matches(text.tokenizer.decode(answers[j - i].tokens, true),
                       questions[j]);
    }
  }
  return count;
}

EvalResult evaluate_data(const EvalArguments& arguments, BaseModel& base) {
  EvalResult out;
  const ModelText text = open_model_text(base);
  const std::vector<RawRow> raw = read_jsonl_rows(arguments.data);
  RowOptions options;
  options.max_length = static_cast<std::size_t>(
      std::min(arguments.recipe.data.max_length, base.model->max_positions()));
  options.name = arguments.data;
  const TokenizedData data = load_rows(base, text, raw, options);
  out.counts = data.counts;
  if (data.rows.empty()) {
    throw ConfigError(
        ErrorText{.operation = "eval",
                  .what = arguments.data + " holds no row to evaluate on",
                  .got = std::to_string(data.counts.dropped) +
                         " rows without a token to predict",
                  .hint = "Raise --max-length, or check the data"});
  }
  const RowBatches batches(
      data.rows,
      {.shuffle = false,
       .packing = Packing::kAuto,
       .pack_length = static_cast<std::int64_t>(options.max_length)});
  out.loss = evaluate(*base.model, batches);
  if (!std::isfinite(out.loss.loss)) {
    throw Error(ErrorText{
        .operation = "eval",
        .what = "the loss is not finite (" + arguments.data + ")",
        .hint = "The weights of the model or the adapter are damaged, or its "
                "training diverged"});
  }
  const std::vector<Question> questions = make_questions(
      raw, data, {text.tokenizer, arguments.data}, options.max_length);
  out.answers =
      static_cast<std::size_t>(std::ranges::count_if(raw, has_answer));
  out.matches = count_matches(*base.model, text, questions);
  return out;
}

void print_json(const EvalResult& result) {
  nlohmann::ordered_json json = {{"rows", result.counts.rows},
                                 {"tokens", result.loss.tokens},
                                 {"loss", result.loss.loss},
                                 {"perplexity", std::exp(result.loss.loss)}};
  if (result.answers > 0) {
    json["answers"] = result.answers;
    json["matches"] = result.matches;
    json["exact_match"] = static_cast<double>(result.matches) /
                          static_cast<double>(result.answers);
  }
  std::cout << json.dump() << '\n';
}

void print_text(const EvalResult& result) {
  std::printf("rows         %zu (%lld tokens)\n", result.counts.rows,
              static_cast<long long>(result.loss.tokens));
  std::printf("loss         %.4f\nperplexity   %.3f\n", result.loss.loss,
              std::exp(result.loss.loss));
  if (result.answers > 0) {
    std::printf("exact match  %.1f %% (%zu of %zu)\n",
                100.0 * static_cast<double>(result.matches) /
                    static_cast<double>(result.answers),
                result.matches, result.answers);
  }
  std::fflush(stdout);
}

}  // namespace

int eval_command(const std::vector<std::string>& args) {
  EvalArguments arguments = parse(args);
  set_threads(arguments.recipe.compute);
  ComputeOptions compute = make_compute_options(arguments.recipe.compute);
  if (compute.dtype == "auto") compute.dtype = "fp32";
  BaseModel base = load_base_model(locate_model(arguments.model), compute);
  if (!arguments.adapter.empty()) load_hf_adapter(base, arguments.adapter);
  const EvalResult result = evaluate_data(arguments, base);
  arguments.json ? print_json(result) : print_text(result);
  return 0;
}

}  // namespace graft::cli
