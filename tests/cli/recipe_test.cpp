// Recipes, options and data that are wrong: refused before any training, with
// the place and the next step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/short_run.h"
#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BadRecipe : public ShortRun {
 protected:
  // A recipe of model, data and output, then `text`.
  Outcome run_recipe(const std::string& text) const {
    const std::string head = "model: \"" + tiny_model().string() +
                             "\"\noutput: run\ndata: {train: data.jsonl}\n";
    directory_.write("recipe.yaml", head + text);
    const Outcome outcome = run_graft({"train", path("recipe.yaml")});
    EXPECT_FALSE(fs::exists(path("run")));
    return outcome;
  }
};

TEST_F(BadRecipe, words_of_other_programs_are_translated) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"adapter: {r: 8}", "adapter.rank"},
      {"adapter: {lora_r: 8}", "adapter.rank"},
      {"adapter: {lora_alpha: 8}", "adapter.alpha"},
      {"adapter: {target_modules: [q_proj]}", "adapter.targets"},
      {"lora_dropout: 0.1", "adapter.dropout"},
      {"use_rslora: true", "adapter.rslora"},
      {"num_train_epochs: 3", "training.epochs"},
      {"per_device_train_batch_size: 3", "training.micro_batch_size"},
      {"gradient_accumulation_steps: 3", "training.batch_size"},
      {"training: {lr: 3}", "training.learning_rate"},
      {"sequence_len: 3", "data.max_length"},
      {"iters: 3", "training.steps"}};
  for (const auto& [text, word] : rows) {
    SCOPED_TRACE(text);
    expect_error(run_recipe(text + "\n"), 2, {"recipe.yaml:4: ", word});
  }
}

TEST_F(BadRecipe, every_problem_is_listed_with_its_line) {
  const Outcome outcome = run_recipe(
      "adapter:\n  rank: -3\n  alhpa: 3\ntraining:\n  steps: soon\n"
      "  schedule: zigzag\n");
  expect_error(outcome, 2,
               {"recipe.yaml:5", "recipe.yaml:6", "recipe.yaml:8",
                "recipe.yaml:9", "adapter.alpha", "cosine"});
}

TEST_F(BadRecipe, what_is_no_recipe) {
  for (const char* text : {"adapter: [", "\t x", "adapter: {rank: 4, rank: 5}",
                           "training: {steps: 1, epochs: 1}", "adapter: 5",
                           "adapter: {targets: *.q_proj}", "? [a]\n: b"}) {
    SCOPED_TRACE(text);
    expect_error(run_recipe(text), 2, {"recipe.yaml:"});
  }
  directory_.write("empty.yaml", "");
  directory_.write("list.yaml", "- a\n");
  fs::create_directory(path("folder.yaml"));
  for (const char* name :
       {"empty.yaml", "list.yaml", "folder.yaml", "none.yaml"}) {
    expect_error(run_graft({"train", path(name)}), 2, {path(name).string()});
  }
}

TEST_F(BadRecipe, values_out_of_range) {
  for (const char* text : {"adapter: {rank: 0}",
                           "adapter: {rank: 1.5}",
                           "adapter: {alpha: .nan}",
                           "adapter: {alpha: 0}",
                           "adapter: {dropout: 1}",
                           "adapter: {kind: dora}",
                           "training: {learning_rate: -1}",
                           "training: {learning_rate: .inf}",
                           "training: {steps: 0}",
                           "training: {epochs: 0}",
                           "training: {betas: [0.9]}",
                           "training: {betas: [0.9, 1]}",
                           "training: {batch_size: 0}",
                           "training: {micro_batch_size: 64}",
                           "training: {warmup: -1}",
                           "training: {early_stopping: 3}",
                           "compute: {threads: 0}",
                           "compute: {dtype: int8}",
                           "compute: {seed: -1}",
                           "method: magic"}) {
    SCOPED_TRACE(text);
    expect_error(run_recipe(text), 2, {"recipe.yaml"});
  }
}

TEST_F(BadRecipe, selections) {
  expect_error(run_recipe("adapter: {targets: [q_porj]}"), 2,
               {"recipe.yaml:4: 'q_porj' selects no module", "q_proj"});
  expect_error(run_recipe("adapter: {targets: [linear_qkv, q_proj]}"), 2,
               {"q_proj"});
  expect_error(run_recipe("adapter: {targets: all-linear, exclude: [\"*\"]}"),
               2, {});
  expect_error(run_recipe("adapter: {rules: [{targets: [nope]}]}"), 2,
               {"'nope'"});
}

TEST_F(BadRecipe, full_training_takes_no_adapter_keys) {
  expect_error(run_recipe("method: full\nadapter:\n  rank: 4\n"
                          "  targets: [q_proj]\n"),
               2,
               {"recipe.yaml:6: adapter.rank has no meaning with method: full",
                "recipe.yaml:7: adapter.targets has no meaning"});
  expect_error(run_recipe("method: full\nadapter: {rules: []}\n"), 2,
               {"adapter.rules has no meaning"});
  expect_error(train(path("run"), {"--method", "full", "--rank", "4"}), 2,
               {"--rank: adapter.rank has no meaning"});
}

TEST_F(BadRecipe, missing_parts_and_too_many_words) {
  expect_error(run_graft({"train", tiny_model()}), 2, {"data.train"});
  expect_error(run_graft({"train", tiny_model(), data_}), 2, {"output"});
  expect_error(train(path("run"), {"another", "word"}), 2, {});
  expect_error(train(path("run"), {"--rank", "x"}), 2, {"--rank"});
  expect_error(train(path("run"), {"--set", "adapter.r=3"}), 2,
               {"adapter.rank"});
  EXPECT_FALSE(fs::exists(path("run")));
}

class BadData : public ShortRun {
 protected:
  void expect_refused(const std::string& text,
                      const std::vector<std::string>& parts) {
    SCOPED_TRACE(text.substr(0, 60));
    directory_.write("data.jsonl", text);
    expect_error(train(path("run")), 3, parts);
    EXPECT_FALSE(fs::exists(path("run")));
  }
};

constexpr char kRow[] = "{\"prompt\":\"a\",\"completion\":\"b\"}\n";

TEST_F(BadData, lines_are_named) {
  const std::string file = data_.string();
  for (const char* line :
       {"not json", "[1]", "5", "{}", "{\"prompt\":\"a\"}",
        "{\"completion\":\"a\"}", "{\"prompt\":1,\"completion\":\"a\"}",
        "{\"text\":null}", "{\"text\":\"a\",\"prompt\":\"b\"}",
        "{\"messages\":[]}", "{\"text\":\"\xc3\"}", "{\"text\":\"a\"} x"}) {
    expect_refused(std::string(kRow) + "\n" + line + "\n" + kRow,
                   {file, "line 3"});
  }
  directory_.write("data.jsonl", std::string(kRow) + "{\"text\":\n");
  const Outcome broken = train(path("run"));
  expect_error(broken, 3, {"line 2: invalid JSON", "at column 9"});
  EXPECT_THAT(broken.err, testing::Not(HasSubstr("line 1")));
  expect_refused(std::string(kRow) + "x\n" + kRow + "y\n",
                 {file, "2 bad lines", "line 2", "line 4"});
  expect_refused(std::string(100000, '['), {file, "line 1"});
}

TEST_F(BadData, nothing_to_learn) {
  expect_refused("", {data_.string(), "no rows"});
  expect_refused("\n\n  \n", {data_.string(), "no rows"});
  directory_.write("data.jsonl", kRow);
  const Outcome outcome = train(path("run"), {"--eval", "0.01"});
  expect_error(outcome, 2, {"data.eval"});
}

TEST_F(BadData, files_that_are_none) {
  fs::remove(data_);
  expect_error(train(path("run")), 3, {data_.string()});
  fs::create_directory(data_);
  expect_error(train(path("run")), 3, {data_.string()});
  fs::remove(data_);
  directory_.write("data.jsonl", kRow);
  expect_error(train(path("run"), {"--eval", path("none.jsonl")}), 3,
               {path("none.jsonl").string()});
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(BadData, what_is_cut_or_dropped_is_said) {
  directory_.write("data.jsonl", std::string(kRow) + kRow + kRow + kRow +
                                     "{\"text\":\"" + std::string(4000, 'a') +
                                     "\",\"note\":\"x\"}\n");
  const Outcome outcome = train(path("run"), {"--steps", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: "));
  EXPECT_THAT(outcome.err, HasSubstr("1 of 5 rows are longer"));
  EXPECT_THAT(outcome.err, HasSubstr("'note'"));
}

}  // namespace
}  // namespace graft::test
