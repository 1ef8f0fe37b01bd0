// `graft data`: rows token by token, and every bad one by line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "cli/small_model.h"

namespace graft::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kTemplate =
    "{% for m in messages %}{{ m.role }}:{{ '\\n' }}{{ m.content }}\n{% endfor "
    "%}"
    "{% if add_generation_prompt %}assistant:{{ '\\n' }}{% endif %}";
constexpr const char* kChat =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Who left?\"},"
    "{\"role\":\"assistant\",\"content\":\"The wren.\"}]}\n";

class DataTest : public testing::Test {
 protected:
  DataTest() {
    link_tiny_model(folder_.path() / "model");
    folder_.write("model/chat_template.jinja", kTemplate);
  }

  std::string model() const { return (folder_.path() / "model").string(); }
  std::string rows(const std::string& text) {
    return folder_.write("rows.jsonl", text).string();
  }
  Outcome show(const std::string& text, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"data", "show", model(), rows(text)};
    words.insert(words.end(), more.begin(), more.end());
    return run_graft(words);
  }

  TemporaryDirectory folder_;
};

std::string without_marks(std::string text) {
  std::erase(text, '|');
  return text;
}

TEST_F(DataTest, shows_what_is_learnt) {
  const Outcome outcome = show(kChat);
  expect_quiet_success(outcome);
  EXPECT_THAT(without_marks(outcome.out), HasSubstr("«The wren.⏎"));
  EXPECT_THAT(without_marks(outcome.out), HasSubstr("Who left?⏎"));
  EXPECT_THAT(outcome.out, HasSubstr("1 rows, "));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b[")));
  const Outcome colored = show(kChat, {"--color", "always", "--ids"});
  EXPECT_THAT(colored.out, HasSubstr("\x1b[32m"));
  EXPECT_THAT(colored.out, HasSubstr("("));
}

TEST_F(DataTest, checks_that_a_row_is_left) {
  const std::vector<std::string> words = {"data", "check", model(),
                                          rows(kChat)};
  expect_quiet_success(run_graft(words));
  std::vector<std::string> cut = words;
  cut.insert(cut.end(), {"--max-length", "3"});
  const Outcome outcome = run_graft(cut);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.out, HasSubstr("no row is left to learn from"));
}

TEST_F(DataTest, shows_what_is_cut_and_dropped) {
  const std::string text =
      std::string(kChat) +
      "{\"prompt\":\"a\",\"completion\":\"The Golden Wren left at seven\"}\n";
  const Outcome outcome = show(text, {"--max-length", "6", "--json"});
  expect_quiet_success(outcome);
  const json out = json::parse(outcome.out);
  EXPECT_EQ(out.at("rows"), 1);
  EXPECT_EQ(out.at("truncated"), 1);
  EXPECT_EQ(out.at("max_length"), 6);
  ASSERT_EQ(out.at("dropped").size(), 1u);
  EXPECT_EQ(out.at("dropped")[0].at("line"), 1);
  ASSERT_EQ(out.at("shown").size(), 2u);
  const json& row = out.at("shown")[1];
  EXPECT_EQ(row.at("line"), 2);
  EXPECT_EQ(row.at("ids").size(), 6u);
  EXPECT_EQ(row.at("tokens").size(), 6u);
  EXPECT_EQ(row.at("labels")[0], -100);
  EXPECT_GT(row.at("full_length"), 6);
}

TEST_F(DataTest, shows_one_row) {
  const Outcome outcome =
      show(std::string(kChat) + "\n{\"text\":\"lamp\"}\n{\"text\":1}\n",
           {"--row", "3"});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("line 3: "));
  EXPECT_THAT(outcome.out, Not(HasSubstr("line 1: ")));
  expect_error(show(kChat, {"--row", "9"}), 2, {"--row 9"});
  expect_error(show("{\"text\":1}\n", {"--row", "1"}), 3, {"line 1", "'text'"});
}

TEST_F(DataTest, checks_every_row) {
  std::string text;
  for (int i = 0; i < 15; ++i) text += "{\"text\":1}\n";
  text += kChat;
  text +=
      "{\"messages\":[]}\n{\"messages\":[{\"role\":\"user\",\"content\":"
      "\"\xff\"}]}\n";
  const Outcome outcome = run_graft({"data", "check", model(), rows(text)});
  EXPECT_EQ(outcome.code, 3);
  for (const char* place : {"rows.jsonl:1: ", "rows.jsonl:15: ",
                            "rows.jsonl:17: 'messages' is empty",
                            "rows.jsonl:18: invalid JSON", "17 bad rows"}) {
    EXPECT_THAT(outcome.out, HasSubstr(place));
  }
  const Outcome listed =
      run_graft({"data", "check", model(), rows(text), "--json"});
  EXPECT_EQ(listed.code, 3);
  EXPECT_EQ(json::parse(listed.out).at("files")[0].at("bad").size(), 17u);
}

TEST_F(DataTest, checks_a_recipe) {
  rows(kChat);
  folder_.write("eval.jsonl", "{\"messages\":[{\"role\":\"bard\"}]}\n");
  const std::string recipe =
      folder_
          .write("r.yaml",
                 "model: model\noutput: out\ndata:\n  train: rows.jsonl\n"
                 "training:\n  steps: 1\n")
          .string();
  const Outcome good = run_graft({"data", "check", recipe});
  expect_quiet_success(good);
  EXPECT_THAT(good.out, HasSubstr("0 bad rows"));
  const std::string eval = (folder_.path() / "eval.jsonl").string();
  const Outcome bad =
      run_graft({"data", "check", recipe, "--set", "data.eval=" + eval});
  EXPECT_EQ(bad.code, 3);
  EXPECT_THAT(bad.out, HasSubstr("eval.jsonl:1: messages[0].role"));
}

TEST_F(DataTest, refuses_keys_that_mean_nothing) {
  const std::string data = rows(kChat);
  for (const std::string action : {"show", "check"}) {
    for (const std::string key :
         {"data.packing", "data.shuffle", "adapter.rank", "training.steps"}) {
      expect_error(
          run_graft({"data", action, model(), data, "--set", key + "=1"}), 2,
          {"'" + key + "' means nothing to graft data " + action,
           "data.loss_on"});
    }
    expect_error(run_graft({"data", action, model(), data, "--train", data}), 2,
                 {"data.train is given twice: as DATA and by --train"});
  }
  expect_error(
      run_graft({"data", "show", model(), data, "--set", "data.eval=0.5"}), 2,
      {"'data.eval' means nothing"});
  const std::string recipe =
      folder_.write("s.yaml", "data: {shuffle: false, packing: off}\n");
  expect_quiet_success(
      run_graft({"data", "check", recipe, data, "--model", model()}));
}

TEST_F(DataTest, says_what_is_missing) {
  expect_error(run_graft({"data"}), 2, {"graft data show"});
  expect_error(run_graft({"data", "sing"}), 2, {"graft data check"});
  expect_error(run_graft({"data", "show", model()}), 2, {"data.train"});
  expect_error(run_graft({"data", "show", model(), "none.jsonl"}), 3,
               {"none.jsonl"});
  expect_error(
      run_graft({"data", "show", tiny_model(), rows(kChat), "--row", "1"}), 2,
      {"no chat template"});
}

}  // namespace
}  // namespace graft::test
