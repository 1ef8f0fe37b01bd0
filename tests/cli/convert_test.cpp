// A GGUF file as MODEL: inspect, plan, tokenize, convert, merge and verify; and
// what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"
#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Gguf : public testing::Test {
 protected:
  fs::path path(const std::string& name) const {
    return directory_.path() / name;
  }
  Outcome convert(const std::string& output,
                  std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"convert", model_, "-o", path(output)};
    words.insert(words.end(), more.begin(), more.end());
    return run_graft(std::move(words));
  }

  TemporaryDirectory directory_;
  fs::path model_ = source_path("tests/golden/gguf/models/q4_1.gguf");
};

// Behind the line that names the model.
std::string below_first_line(const std::string& text) {
  return text.substr(text.find('\n'));
}

TEST_F(Gguf, plan_of_the_file_is_that_of_the_directory) {
  const Outcome converted = convert("hf");
  expect_quiet_success(converted);
  EXPECT_THAT(converted.out, HasSubstr("wrote " + path("hf").string()));
  EXPECT_EQ(names_in(path("hf")),
            "config.json generation_config.json model.safetensors "
            "tokenizer.json tokenizer_config.json");
  const Outcome file = run_graft({"plan", model_, "--target", "linear_q"});
  const Outcome folder =
      run_graft({"plan", path("hf"), "--target", "linear_q"});
  expect_quiet_success(file);
  EXPECT_THAT(file.out, HasSubstr("linear_q"));
  EXPECT_EQ(below_first_line(file.out), below_first_line(folder.out));
}

TEST_F(Gguf, inspect_shows_metadata_and_types) {
  const Outcome outcome = run_graft({"inspect", model_, "--json"});
  expect_quiet_success(outcome);
  const json shown = json::parse(outcome.out);
  EXPECT_EQ(shown.at("kind"), "gguf");
  EXPECT_EQ(shown.at("fields").at("general.architecture"), "llama");
  EXPECT_EQ(shown.at("fields").at("tokenizer.ggml.tokens"), "288 x string");
  EXPECT_EQ(shown.at("parameters"), 27808);
  EXPECT_EQ(shown.at("groups").at(0).at("dtype"), "Q4_1");
}

TEST_F(Gguf, tokenize_reads_the_file_as_the_directory) {
  expect_quiet_success(convert("hf"));
  const std::string lines =
      "{\"text\":\"<|im_start|>hello 2024\"}\n{\"text\":\"caf\\u00e9\"}\n";
  const Outcome file = run_graft({"tokenize", model_}, lines);
  expect_quiet_success(file);
  EXPECT_EQ(file.out, run_graft({"tokenize", path("hf")}, lines).out);
  EXPECT_THAT(file.out, HasSubstr("{\"ids\":[1,"));
}

TEST_F(Gguf, types_are_chosen_and_outputs_kept) {
  expect_quiet_success(convert("hf", {"--dtype", "f16"}));
  EXPECT_EQ(json::parse(read_text(path("hf/config.json"))).at("torch_dtype"),
            "float16");
  expect_error(convert("hf"), 2, {path("hf").string()});
  expect_quiet_success(convert("hf", {"--overwrite", "--threads", "1"}));
  const std::string once = read_text(path("hf/model.safetensors"));
  expect_quiet_success(convert("hf", {"--overwrite", "--threads", "3"}));
  EXPECT_EQ(read_text(path("hf/model.safetensors")), once);
  expect_error(convert("other", {"--dtype", "q8"}), 2, {"--dtype"});
  EXPECT_FALSE(fs::exists(path("other")));
}

TEST_F(Gguf, merge_makes_a_directory_that_verify_accepts) {
  expect_quiet_success(convert("plain"));
  const fs::path adapter = path("adapter");
  write_small_adapter(adapter, path("plain"));
  const Outcome merged = run_graft(
      {"merge", model_, adapter, "-o", path("merged"), "--dtype", "bf16"});
  expect_quiet_success(merged);
  EXPECT_THAT(names_in(path("merged")), HasSubstr("tokenizer.json"));
  expect_quiet_success(run_graft({"verify", model_, adapter, path("merged")}));
  EXPECT_EQ(run_graft({"verify", model_, adapter, path("plain")}).code, 3);
  expect_error(run_graft({"merge", path("plain"), adapter, "-o", path("two"),
                          "--dtype", "f16"}),
               2, {"--dtype", "GGUF"});
}

TEST_F(Gguf, refuses_what_is_no_gguf_model) {
  expect_error(run_graft({"convert", tiny_model(), "-o", path("out")}), 3,
               {"expected a GGUF file"});
  expect_error(run_graft({"convert", path("none.gguf"), "-o", path("out")}), 2,
               {"none.gguf", "no directory or file"});
  directory_.write("cut.gguf", read_text(model_).substr(0, 9000));
  expect_error(run_graft({"convert", path("cut.gguf"), "-o", path("out")}), 3,
               {"cut.gguf", "truncated?"});
  expect_error(run_graft({"plan", path("cut.gguf")}), 3, {"truncated?"});
  EXPECT_FALSE(fs::exists(path("out")));
}

TEST_F(Gguf, adapter_becomes_a_file_for_llama_cpp) {
  expect_quiet_success(convert("plain"));
  const fs::path adapter = path("adapter");
  write_small_adapter(adapter, path("plain"));
  const std::vector<std::string> words = {
      "convert", adapter, "--to",         "gguf",    "--base",
      model_,    "-o",    path("a.gguf"), "--dtype", "f16"};
  const Outcome outcome = run_graft(words);
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("as F16"));
  const json shown =
      json::parse(run_graft({"inspect", path("a.gguf"), "--json"}).out);
  EXPECT_EQ(shown.at("fields").at("general.type"), "adapter");
  EXPECT_EQ(shown.at("fields").at("adapter.type"), "lora");
  // The directory as base gives the same bytes.
  expect_quiet_success(
      run_graft({"convert", adapter, "--to", "gguf", "--base", path("plain"),
                 "-o", path("b.gguf"), "--dtype", "f16"}));
  EXPECT_EQ(read_text(path("a.gguf")), read_text(path("b.gguf")));
  expect_error(run_graft(words), 2, {"a.gguf", "exists", "--overwrite"});
}

TEST_F(Gguf, refuses_adapters_without_a_base_and_models) {
  expect_quiet_success(convert("plain"));
  write_small_adapter(path("adapter"), path("plain"));
  expect_error(run_graft({"convert", path("adapter"), "--to", "gguf", "-o",
                          path("a.gguf")}),
               2, {"--base MODEL"});
  expect_error(run_graft({"convert", model_, "--to", "gguf", "--base", model_,
                          "-o", path("a.gguf")}),
               2, {"adapter directory"});
  expect_error(run_graft({"convert", path("plain"), "--to", "gguf", "--base",
                          model_, "-o", path("a.gguf")}),
               3, {"adapter"});
  expect_error(
      run_graft({"convert", model_, "--base", model_, "-o", path("x")}), 2,
      {"--to gguf"});
  expect_error(run_graft({"convert", path("adapter"), "--to", "gguf", "--base",
                          model_, "-o", path("adapter"), "--overwrite"}),
               2, {"no file"});
  EXPECT_FALSE(fs::exists(path("a.gguf")));
}

}  // namespace
}  // namespace graft::test
