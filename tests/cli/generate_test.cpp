// `graft generate`, `graft eval` and `graft env`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cli/program.h"
#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

Outcome generate(std::vector<std::string> more, std::string input = {}) {
  more.insert(more.begin(), {"generate", tiny_model(), "--threads", "1"});
  return run_graft(std::move(more), std::move(input));
}

TEST(Generate, prints_the_text_alone) {
  const Outcome outcome =
      generate({"--prompt", "The Golden Wren", "--max-new-tokens", "8"});
  expect_quiet_success(outcome);
  EXPECT_GT(outcome.out.size(), 3u);
  EXPECT_EQ(outcome.out.back(), '\n');
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("The Golden Wren")));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("compute")));
  const Outcome piped =
      generate({"--prompt", "-", "--max-new-tokens", "8"}, "The Golden Wren");
  EXPECT_EQ(piped.out, outcome.out);
}

TEST(Generate, chats_go_through_the_models_template) {
  const TemporaryDirectory directory;
  link_tiny_model(directory.path());
  directory.write("chat_template.jinja",
                  "{{ bos_token }}{% for m in messages %}[{{ m.role }}] "
                  "{{ m.content }}\n{% endfor %}"
                  "{% if add_generation_prompt %}[answer]"
                  "{% endif %}");
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", directory.path().string(),
                               "--threads", "1", "--max-new-tokens", "8"});
    return run_graft(std::move(more));
  };
  const Outcome chat =
      run({"--chat", "--system", "Be brief.", "--prompt", "The wren?"});
  expect_quiet_success(chat);
  EXPECT_EQ(
      chat.out,
      run({"--prompt", "[system] Be brief.\n[user] The wren?\n[answer]"}).out);
  EXPECT_NE(chat.out, run({"--chat", "--prompt", "The wren?"}).out);
  expect_error(run({"--system", "a", "--prompt", "b"}), 2, {"--chat"});
  expect_error(generate({"--chat", "--prompt", "a"}), 2, {"no chat template"});
}

TEST(Generate, sampling_follows_the_seed) {
  const std::vector<std::string> words = {
      "--prompt", "The",   "--max-new-tokens", "16", "--temperature",
      "1.5",      "--seed"};
  const auto text = [&](const std::string& seed) {
    std::vector<std::string> all = words;
    all.push_back(seed);
    const Outcome outcome = generate(all);
    expect_quiet_success(outcome);
    return outcome.out;
  };
  EXPECT_EQ(text("1"), text("1"));
  EXPECT_NE(text("1"), text("2"));
}

TEST(Generate, ends_before_a_stop_text) {
  const std::vector<std::string> words = {"--prompt", "The Golden Wren",
                                          "--max-new-tokens", "24"};
  const std::string whole = generate(words).out;
  ASSERT_GT(whole.size(), 12u) << whole;
  // Any part of the answer ends it, also one that spans tokens.
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{3}, whole.size() / 2, whole.size() - 6}) {
    const std::string stop = whole.substr(at, 5);
    SCOPED_TRACE(stop);
    std::vector<std::string> more = words;
    more.insert(more.end(), {"--stop", "never written", "--stop", stop});
    const Outcome outcome = generate(more);
    expect_quiet_success(outcome);
    EXPECT_EQ(outcome.out, whole.substr(0, whole.find(stop)) + "\n");
  }
  std::vector<std::string> other = words;
  other.insert(other.end(), {"--stop", "never written"});
  EXPECT_EQ(generate(other).out, whole);
  expect_error(generate({"--prompt", "a", "--stop", ""}), 2,
               {"generate: stop", "empty"});
}

TEST(Generate, keys_that_mean_nothing_are_named) {
  for (const char* set :
       {"training.steps=3", "data.max_length=9", "adapter.rank=2", "model=x",
        "compute.checkpoint_activations=auto"}) {
    const std::string key =
        std::string(set).substr(0, std::string(set).find('='));
    expect_error(generate({"--prompt", "a", "--set", set}), 2,
                 {"--set: '" + key + "' means nothing to graft generate",
                  "compute.seed"});
  }
  expect_error(generate({"--prompt", "a", "--set", "compute={seed: 1}", "--set",
                         "training={steps: 2}"}),
               2, {"'training.steps' means nothing"});
  expect_error(generate({"--prompt", "a", "--set", "lora_r=2"}), 2,
               {"adapter.rank"});
}

TEST(Generate, bad_values) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"--max-new-tokens", "0"}, {"--max-new-tokens", "-1"},
      {"--max-new-tokens", "x"}, {"--temperature", "-1"},
      {"--temperature", "nan"},  {"--temperature", "inf"},
      {"--top-p", "0"},          {"--top-p", "1.5"},
      {"--top-p", "nan"},        {"--top-k", "-2"},
      {"--seed", "-1"},          {"--threads", "0"},
      {"--device", "abacus"}};
  for (const auto& [option, value] : rows) {
    SCOPED_TRACE(option + " " + value);
    // The name of the option or of the field that it sets.
    const std::string name = option.substr(option.rfind('-') + 1);
    expect_error(generate({"--prompt", "a", option, value}), 2, {name});
  }
  expect_error(generate({"--prompt", "a", "--max-new-tokens", "0"}), 2,
               {"max_new_tokens: got 0, expected >= 1"});
}

TEST(Generate, odd_prompts) {
  expect_quiet_success(generate({"--prompt", "", "--max-new-tokens", "2"}));
  expect_quiet_success(
      generate({"--prompt", "zwölf 模型 🚀", "--max-new-tokens", "2"}));
  // No valid UTF-8: an answer or one clear error.
  const Outcome bad =
      generate({"--prompt", "a\xff\xfe", "--max-new-tokens", "2"});
  if (bad.code != 0) expect_error(bad, 2, {"UTF-8"});
}

TEST(Generate, prompt_beyond_the_models_positions) {
  std::string prompt;
  for (int i = 0; i < 400; ++i) prompt += " harbour";
  expect_error(generate({"--prompt", prompt}), 2, {"256"});
}

TEST(Generate, bad_models_and_adapters) {
  const TemporaryDirectory directory;
  expect_error(run_graft({"generate", "/no/such", "--prompt", "a"}), 2,
               {"/no/such"});
  expect_error(run_graft({"generate", directory.path(), "--prompt", "a"}), 3,
               {directory.path()});
  expect_error(generate({"--prompt", "a", "--adapter", "/no/such"}), 3,
               {"/no/such"});
  link_tiny_model(directory.path() / "m");
  fs::remove(directory.path() / "m" / "tokenizer.json");
  expect_error(run_graft({"generate", directory.path() / "m", "--prompt", "a"}),
               3, {"tokenizer.json"});
}

class Eval : public testing::Test {
 protected:
  Eval() {
    const auto lines =
        lines_of(read_text(source_path("examples/tiny/eval.jsonl")));
    std::string text;
    for (std::size_t i = 0; i < 6; ++i) text += lines.at(i) + "\n";
    data_ = directory_.write("data.jsonl", text);
  }
  Outcome eval(std::vector<std::string> more) const {
    more.insert(more.begin(), {"eval", tiny_model(), data_, "--threads", "1"});
    return run_graft(std::move(more));
  }

  TemporaryDirectory directory_;
  fs::path data_;
};

TEST_F(Eval, json_and_text_say_the_same) {
  const Outcome outcome = eval({"--json"});
  expect_quiet_success(outcome);
  const json result = json::parse(outcome.out);
  EXPECT_EQ(result.at("rows"), 6);
  EXPECT_EQ(result.at("answers"), 6);
  EXPECT_GT(result.at("loss").get<double>(), 0.0);
  EXPECT_GT(result.at("perplexity").get<double>(), 1.0);
  EXPECT_TRUE(result.at("exact_match").is_number());
  const Outcome text = eval({});
  expect_quiet_success(text);
  for (const char* word : {"loss", "perplexity", "exact match"}) {
    EXPECT_THAT(text.out, HasSubstr(word));
  }
}

TEST_F(Eval, adapter_changes_the_loss) {
  write_small_adapter(directory_.path() / "adapter");
  const json base = json::parse(eval({"--json"}).out);
  const Outcome outcome =
      eval({"--json", "--adapter", directory_.path() / "adapter"});
  expect_quiet_success(outcome);
  EXPECT_NE(json::parse(outcome.out).at("loss"), base.at("loss"));
}

// The reference of a chat is its last answer; white space around it is not
// compared. What generation says to the same prompt is the measure.
TEST_F(Eval, chats_have_exact_match) {
  const fs::path model = directory_.path() / "model";
  link_tiny_model(model);
  std::ofstream(model / "chat_template.jinja")
      << "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
         "{% if add_generation_prompt %}[assistant] {% endif %}";
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin() + 1, {model.string()});
    return run_graft(std::move(words));
  };
  const Outcome said = run({"generate", "--chat", "--prompt", "The wren?",
                            "--max-new-tokens", "200", "--threads", "1"});
  expect_quiet_success(said);
  const auto chat = [](const json& answer) {
    return json{{"messages",
                 {{{"role", "user"}, {"content", "The wren?"}},
                  {{"role", "assistant"}, {"content", answer}}}}}
               .dump() +
           "\n";
  };
  const std::string asked =
      R"({"messages":[{"role":"assistant","content":"a"},)"
      R"({"role":"user","content":"b"}]})";
  std::ofstream(data_) << chat("  " + said.out) << chat("no") << asked << "\n";
  const Outcome outcome =
      run({"eval", data_.string(), "--json", "--threads", "1"});
  expect_quiet_success(outcome);
  const json result = json::parse(outcome.out);
  EXPECT_EQ(result.at("rows"), 3);
  EXPECT_EQ(result.at("answers"), 2);
  EXPECT_EQ(result.at("matches"), 1) << said.out;
}

TEST_F(Eval, text_rows_have_no_exact_match) {
  directory_.write("data.jsonl", "{\"text\":\"The Golden Wren left.\"}\n");
  const Outcome outcome = eval({"--json"});
  expect_quiet_success(outcome);
  EXPECT_FALSE(json::parse(outcome.out).contains("exact_match"));
}

TEST_F(Eval, keys_that_mean_nothing_are_named) {
  for (const char* key : {"training.batch_size", "adapter.alpha", "output",
                          "data.shuffle", "compute.seed"}) {
    expect_error(eval({"--set", std::string(key) + "=1"}), 2,
                 {"'" + std::string(key) + "' means nothing to graft eval",
                  "data.max_length"});
  }
  expect_quiet_success(eval({"--set", "data.max_length=200"}));
}

TEST_F(Eval, rows_without_a_token_to_predict) {
  directory_.write("data.jsonl",
                   "{\"prompt\":\"The Golden Wren\",\"completion\":\"\"}\n");
  const Outcome outcome = eval({"--max-length", "2"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("error: eval: " + data_.string() +
                                     " holds no row to evaluate on: got 1 "));
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("train")));
}

TEST_F(Eval, bad_data) {
  directory_.write("data.jsonl", "{\"text\":\"a\"}\n{\"text\":\n");
  const Outcome outcome = eval({});
  expect_error(outcome, 3, {data_.string(), "line 2", "at column 9"});
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("line 1")));
  directory_.write("data.jsonl", "");
  expect_error(eval({"--json"}), 3, {data_.string(), "no rows"});
  fs::remove(data_);
  expect_error(eval({}), 3, {data_.string()});
}

TEST(Env, json_is_json) {
  const Outcome outcome = run_graft({"env", "--json"});
  expect_quiet_success(outcome);
  const json object = json::parse(outcome.out);
  for (const char* key : {"graft", "libtorch", "cpu", "threads", "devices"}) {
    EXPECT_TRUE(object.contains(key)) << key;
  }
  const Outcome text = run_graft({"env"});
  expect_quiet_success(text);
  EXPECT_THAT(text.out, HasSubstr("compute_bf16"));
  expect_error(run_graft({"env", "word"}), 2, {"word"});
}

}  // namespace
}  // namespace graft::test
