// Shows training data as it is learnt, and finds its bad rows.
#include "data_command.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "arguments.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "graft/formats/hf/model_location.h"
#include "graft/text/row_report.h"
#include "graft/text/tokenized_rows.h"
#include "graft/text/tokenizer.h"
#include "recipe_arguments.h"

namespace graft::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int kBadRows = 3;  // the exit code of a bad input file

struct Options {
  Recipe recipe;
  bool check = false;
  std::size_t rows = 3;
  std::size_t row = 0;  // its line; 0: the first rows
  bool ids = false;
  bool json = false;
  std::string color = "auto";
};

bool is_recipe(const std::string& word) {
  const auto extension = fs::path(word).extension();
  return extension == ".yaml" || extension == ".yml";
}

[[noreturn]] void refuse(const std::string& what, const std::string& hint) {
  throw ConfigError(ErrorText{.operation = "data", .what = what, .hint = hint});
}

Recipe read_recipe(const std::string& source, const std::string& data,
                   const ScopedRecipeArguments& arguments) {
  std::vector<Setting> words;
  if (!data.empty()) words.push_back({"data.train", data, "DATA"});
  if (!is_recipe(source)) words.push_back({"model", source, "MODEL"});
  Recipe out = is_recipe(source)
                   ? arguments.recipe_over(source, std::move(words))
                   : arguments.recipe(std::move(words));
  if (out.model.empty()) refuse("model is missing", "Give MODEL DATA");
  if (out.data.train.empty()) {
    refuse("data.train is missing", "Give it in the recipe, or DATA");
  }
  return out;
}

void add_show_options(CLI::App& app, Options& out) {
  app.add_option("--rows", out.rows, "how many rows to print (default 3)");
  app.add_option("--row", out.row, "only the row on this line of the file")
      ->check(CLI::PositiveNumber);
  app.add_flag("--ids", out.ids, "the id behind each token");
  app.add_option("--color", out.color,
                 "Colours: auto (on a terminal; default), always or never")
      ->option_text("WHEN")
      ->check(CLI::IsMember({"auto", "always", "never"}));
}

Options parse_options(const std::string& action,
                      const std::vector<std::string>& args) {
  Options out;
  out.check = action == "check";
  CLI::App app(out.check
                   ? "Reports every bad row by its line; exit code 3 when "
                     "there is one"
                   : "Prints rows token by token with what is learnt, and "
                     "counts",
               "graft data " + action);
  std::string source;
  std::string data;
  app.add_option("SOURCE", source, "RECIPE.yaml, or MODEL")->required();
  app.add_option("DATA", data, "rows: JSONL");
  app.add_flag("--json", out.json, "print one JSON object");
  if (!out.check) add_show_options(app, out);
  KeyScope scope{"data " + action,
                 {"model", "data.train", "data.max_length", "data.loss_on"}};
  if (out.check) scope.keys.push_back("data.eval");
  const ScopedRecipeArguments recipe(app, std::move(scope));
  parse_arguments(app, args);
  out.recipe = read_recipe(source, data, recipe);
  return out;
}

// What the model says about its texts; unknown for families that graft does
// not know.
struct ModelFacts {
  std::size_t vocabulary = 0;
  std::size_t max_positions = 0;
};

ModelFacts read_facts(const fs::path& model) {
  try {
    const ModelConfig config = read_model_config(model / "config.json");
    return {static_cast<std::size_t>(config.vocab_size),
            static_cast<std::size_t>(config.max_positions)};
  } catch (const Error&) {
    return {};
  }
}

std::optional<std::int64_t> end_token(const Tokenizer& tokenizer,
                                      const fs::path& model) {
  if (const auto id = tokenizer.eos_id()) return id;
  try {
    const auto ids = read_generation_config(model).eos_token_ids;
    if (!ids.empty()) return ids.front();
  } catch (const Error&) {  // none is there: rows get no end token
  }
  return std::nullopt;
}

struct FileReport {
  std::string path;
  std::vector<RawRow> rows;
  TokenizedData data;
  std::size_t max_length = 0;
};

FileReport read_file(const std::string& path, const Recipe& recipe,
                     const Tokenizer& tokenizer, const fs::path& model) {
  FileReport out;
  out.path = path;
  CheckedRows checked = check_jsonl_rows(path);
  out.rows = std::move(checked.rows);
  const ModelFacts facts = read_facts(model);
  RowOptions options;
  options.eos_id = end_token(tokenizer, model);
  options.max_length = static_cast<std::size_t>(recipe.data.max_length);
  if (facts.max_positions > 0) {
    options.max_length = std::min(options.max_length, facts.max_positions);
  }
  options.learn_prompts = recipe.data.loss_on == "all";
  options.vocabulary = facts.vocabulary;
  options.name = path;
  out.max_length = options.max_length;
  out.data = check_rows(out.rows, tokenizer, options);
  auto& problems = out.data.problems;
  problems.insert(problems.end(), checked.problems.begin(),
                  checked.problems.end());
  std::ranges::sort(problems, {}, &RowProblem::line);
  return out;
}

ordered_json problems_json(const TokenizedData& data) {
  ordered_json out = ordered_json::array();
  for (const RowProblem& problem : data.problems) {
    out.push_back({{"line", problem.line}, {"problem", problem.text}});
  }
  return out;
}

ordered_json counts_json(const FileReport& report) {
  const DataCounts& counts = report.data.counts;
  ordered_json lengths = ordered_json::array();
  for (const LengthBin& bin : lengths_of(report.data)) {
    lengths.push_back(
        {{"from", bin.begin}, {"below", bin.end}, {"rows", bin.rows}});
  }
  ordered_json dropped = ordered_json::array();
  for (const DataRow& row : report.data.dropped) {
    dropped.push_back(
        {{"line", report.rows[row.raw_index].line}, {"why", drop_reason(row)}});
  }
  return {{"file", report.path},
          {"rows", counts.rows},
          {"tokens", counts.tokens},
          {"learnt_tokens", counts.learnt_tokens},
          {"truncated", counts.truncated},
          {"dropped", std::move(dropped)},
          {"bad", problems_json(report.data)},
          {"rewritten_answers", counts.rewritten_answers},
          {"shortened_answers", counts.shortened_answers},
          {"straddling_tokens", counts.straddling_tokens},
          {"max_length", report.max_length},
          {"lengths", std::move(lengths)}};
}

// The rows that were asked for, dropped ones among them.
std::vector<const DataRow*> chosen_rows(const FileReport& report,
                                        const Options& options) {
  std::vector<const DataRow*> all;
  for (const DataRow& row : report.data.rows) all.push_back(&row);
  for (const DataRow& row : report.data.dropped) all.push_back(&row);
  std::ranges::sort(all, {}, &DataRow::raw_index);
  if (options.row == 0) {
    all.resize(std::min(all.size(), options.rows));
    return all;
  }
  std::erase_if(all, [&](const DataRow* row) {
    return report.rows[row->raw_index].line != options.row;
  });
  for (const RowProblem& problem : report.data.problems) {
    if (problem.line != options.row) continue;
    throw FileError(ErrorText{.operation = "data",
                              .what = report.path + ": line " +
                                      std::to_string(problem.line) + ": " +
                                      problem.text});
  }
  if (all.empty()) {
    refuse("--row " + std::to_string(options.row) + ": " + report.path +
               " has no row on that line",
           "");
  }
  return all;
}

ordered_json row_json(const DataRow& row, const FileReport& report,
                      const Tokenizer& tokenizer) {
  std::vector<std::string> tokens;
  for (const std::int64_t id : row.ids) {
    tokens.push_back(token_to_text(tokenizer, id));
  }
  return {{"line", report.rows[row.raw_index].line},
          {"full_length", row.full_length},
          {"learnt_tokens", row.learnt_tokens()},
          {"ids", row.ids},
          {"tokens", std::move(tokens)},
          {"labels", row.labels()}};
}

void print_row(const DataRow& row, const FileReport& report,
               const Tokenizer& tokenizer, const RowStyle& style) {
  std::cout << "line " << report.rows[row.raw_index].line << ": "
            << row.ids.size() << " tokens, " << row.learnt_tokens()
            << " learnt";
  if (row.full_length > row.ids.size()) {
    std::cout << ", cut from " << row.full_length;
  }
  if (row.learnt_tokens() == 0) std::cout << ", dropped";
  std::cout << '\n' << row_to_text(row, tokenizer, style) << "\n\n";
}

void show(const FileReport& report, const Tokenizer& tokenizer,
          const Options& options) {
  const auto rows = chosen_rows(report, options);
  if (options.json) {
    ordered_json out = counts_json(report);
    out["shown"] = ordered_json::array();
    for (const DataRow* row : rows) {
      out["shown"].push_back(row_json(*row, report, tokenizer));
    }
    std::cout << out.dump() << '\n';
    return;
  }
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const RowStyle style{
      options.color == "always" || (options.color == "auto" && terminal),
      options.ids};
  for (const DataRow* row : rows) print_row(*row, report, tokenizer, style);
  std::cout << summary_to_text(report.data, report.rows, report.max_length);
}

void print_problems(const FileReport& report) {
  for (const RowProblem& problem : report.data.problems) {
    std::cout << report.path << ':' << problem.line << ": " << problem.text
              << '\n';
  }
  std::cout
      << report.path << ": " << report.data.problems.size() << " bad rows\n"
      << summary_to_text(
             {report.data.rows, report.data.counts, report.data.dropped, {}},
             report.rows, report.max_length);
  if (report.data.rows.empty()) {
    std::cout << report.path << ": no row is left to learn from\n";
  }
}

int check(const std::vector<FileReport>& reports, bool json) {
  bool is_good = true;
  ordered_json all = ordered_json::array();
  for (const FileReport& report : reports) {
    is_good &= report.data.problems.empty() && !report.data.rows.empty();
    json ? all.push_back(counts_json(report)) : print_problems(report);
  }
  if (json) std::cout << ordered_json{{"files", all}}.dump() << '\n';
  return is_good ? 0 : kBadRows;
}

}  // namespace

int data_command(const std::vector<std::string>& args) {
  if (args.empty() || (args[0] != "show" && args[0] != "check")) {
    const bool help = !args.empty() && (args[0] == "--help" || args[0] == "-h");
    if (!help) {
      refuse("what to do is missing", "graft data show, or graft data check");
    }
    std::cout << "Usage: graft data show|check RECIPE.yaml, or MODEL DATA\n\n"
                 "Each has --help.\n";
    return 0;
  }
  const Options options =
      parse_options(args[0], {args.begin() + 1, args.end()});
  const fs::path model = locate_model(options.recipe.model);
  const Tokenizer tokenizer = Tokenizer::open(model);
  std::vector<FileReport> reports;
  const DataOptions& data = options.recipe.data;
  reports.push_back(read_file(data.train, options.recipe, tokenizer, model));
  if (!options.check) {
    show(reports.front(), tokenizer, options);
    return 0;
  }
  if (!data.eval_file.empty()) {
    reports.push_back(
        read_file(data.eval_file, options.recipe, tokenizer, model));
  }
  return check(reports, options.json);
}

}  // namespace graft::cli
