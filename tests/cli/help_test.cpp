// What a person sees who types the wrong thing, or asks for help.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <sstream>
#include <utility>

#include "cli/program.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

struct CommandHelp {
  std::string name;
  std::vector<std::string> words;  // every option and positional
};

const std::vector<CommandHelp>& core_commands() {
  static const std::vector<CommandHelp> commands = {
      {"plan",
       {"MODEL", "--target ENTRY", "--exclude", "--syntax", "--kind", "--rank",
        "--alpha", "--rslora", "--allow-unmatched", "--json"}},
      {"match", {"--target", "--exclude", "--syntax"}},
      {"inspect", {"PATH", "--all", "--json"}},
      {"merge",
       {"BASE", "ADAPTER", "-o, --output", "--dtype", "--overwrite",
        "--threads", "--json"}},
      {"convert",
       {"MODEL", "-o, --output", "--dtype", "--overwrite", "--threads"}},
      {"verify", {"BASE", "ADAPTER", "MERGED", "--threads", "--json"}},
      {"tokenize",
       {"PATH", "--decode", "--no-special", "--skip-special", "--template"}},
  };
  return commands;
}

const std::vector<std::string>& all_names() {
  static const std::vector<std::string> names = {
      "plan",     "match", "inspect", "merge",    "verify", "convert",
      "tokenize", "train", "eval",    "generate", "logits", "env"};
  return names;
}

// What a parser prints about itself is of no use to a reader.
void check_looks(const std::string& help) {
  for (const char* noise :
       {"\n\n\n", "--rslora WORD", "(1x)", "TEXT:", "INT:", "REQUIRED",
        "Excludes:", "Needs:", " - 1024]", "{bf16", "UINT", "FLOAT"}) {
    EXPECT_THAT(help, testing::Not(HasSubstr(noise)));
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
  }
}

void check_help(const CommandHelp& command) {
  SCOPED_TRACE(command.name);
  const Outcome help = run_graft({command.name, "--help"});
  expect_quiet_success(help);
  EXPECT_EQ(help.err, "");
  EXPECT_THAT(help.out, HasSubstr("Usage: graft " + command.name));
  for (const std::string& word : command.words) {
    EXPECT_THAT(help.out, HasSubstr(word));
  }
  EXPECT_EQ(run_graft({command.name, "-h"}).out, help.out);
  check_looks(help.out);
}

void check_unknown_option(const std::string& command) {
  SCOPED_TRACE(command);
  expect_error(run_graft({command, "--no-such-option"}), 2,
               {"error: " + command + ": ", "Try: graft " + command});
}

TEST(Help, names_every_command) {
  for (const char* word : {"--help", "-h", "help"}) {
    const Outcome help = run_graft({word});
    expect_quiet_success(help);
    for (const std::string& name : all_names()) {
      EXPECT_THAT(help.out, HasSubstr("\n  " + name + " "));
    }
    EXPECT_THAT(help.out, HasSubstr("Exit codes"));
  }
}

TEST(Help, no_word_is_a_usage_error) {
  const Outcome outcome = run_graft({});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out + outcome.err, HasSubstr("Usage: graft COMMAND"));
}

TEST(Help, version) {
  const Outcome outcome = run_graft({"--version"});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, testing::MatchesRegex("graft [0-9.]+\n"));
}

TEST(Help, core_commands_name_their_options) {
  for (const CommandHelp& command : core_commands()) check_help(command);
}

TEST(Help, unknown_command) {
  for (const char* word : {"plna", "--bogus", "PLAN", "", "-", "plan "}) {
    SCOPED_TRACE(word);
    expect_error(
        run_graft({word}), 2,
        {"unknown command '" + std::string(word) + "'", "Try: graft --help"});
  }
}

TEST(Help, core_commands_refuse_unknown_options) {
  for (const CommandHelp& command : core_commands()) {
    check_unknown_option(command.name);
  }
}

TEST(Help, core_commands_refuse_missing_words) {
  for (const char* name :
       {"plan", "inspect", "merge", "verify", "convert", "tokenize"}) {
    SCOPED_TRACE(name);
    expect_error(run_graft({name}), 2,
                 {"is required", std::string("Try: graft ") + name});
  }
  expect_error(run_graft({"match"}), 2, {"no --target"});
}

TEST(Help, says_where_graft_torch_should_be) {
  const TemporaryDirectory directory;
  const fs::path alone = directory.path() / "graft";
  fs::copy_file(GRAFT_COMMAND, alone);
  const Outcome outcome = run_program({.args = {"env"}, .program = alone});
  expect_error(outcome, 4, {"env: graft-torch is not beside graft"});
}

#ifdef GRAFT_TORCH_COMMANDS

const std::vector<std::string>& torch_names() {
  static const std::vector<std::string> names = {"train", "eval", "generate",
                                                 "logits", "env"};
  return names;
}

// Options of `graft train`, separated by spaces.
constexpr char kTrainWords[] =
    "Usage: RECIPE.yaml DATA Adapter: Training: --resume --overwrite --dry-run "
    "--json --output --model "
    "--method --kind --targets --exclude --syntax --allow-unmatched --rank "
    "--alpha --rslora --dropout --init --train --eval --max-length --packing "
    "--shuffle --loss-on --epochs --steps --batch-size --micro-batch-size "
    "--learning-rate --lora-plus-ratio --schedule --warmup --weight-decay "
    "--betas --eps --max-grad-norm --loss-normalisation --eval-every "
    "--save-every --keep --early-stopping --device --dtype "
    "--checkpoint-activations --weight-layout --threads --seed --set";

std::vector<std::string> split_words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

TEST(Help, torch_commands_name_their_options) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"train", kTrainWords},
      {"eval", "MODEL DATA --adapter --json --max-length --set"},
      {"generate",
       "MODEL --prompt --adapter --max-new-tokens --temperature --top-p "
       "--top-k --seed --set"},
      {"logits", "MODEL --adapter --input --output --set"},
      {"env", "--json"}};
  for (const auto& [name, words] : rows) {
    check_help({name, split_words(words)});
  }
}

TEST(Help, torch_commands_refuse_bad_usage) {
  for (const std::string& name : torch_names()) check_unknown_option(name);
  for (const char* name : {"eval", "generate", "logits"}) {
    expect_error(run_graft({name}), 2, {"is required"});
  }
  expect_error(run_graft({"train"}), 2, {"model is missing"});
}

TEST(Help, a_link_to_graft_finds_graft_torch) {
  const TemporaryDirectory directory;
  const fs::path link = directory.path() / "g";
  fs::create_symlink(GRAFT_COMMAND, link);
  expect_quiet_success(run_program({.args = {"env"}, .program = link}));
}

#endif

}  // namespace
}  // namespace graft::test
