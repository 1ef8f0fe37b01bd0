// `graft inspect`: checkpoints, files, adapters, and what is none of them.
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

TEST(Inspect, shows_a_checkpoint_a_file_and_an_adapter) {
  const TemporaryDirectory directory;
  write_small_adapter(directory.path());
  const std::vector<std::pair<fs::path, std::string>> rows = {
      {tiny_model(), "model.embed_tokens.weight"},
      {tiny_model() / "model.safetensors", "model.embed_tokens.weight"},
      {directory.path(), "q_proj.lora_A.weight"}};
  for (const auto& [path, part] : rows) {
    SCOPED_TRACE(path.string());
    const Outcome text = run_graft({"inspect", path});
    expect_quiet_success(text);
    EXPECT_THAT(text.out, HasSubstr(part));
    const Outcome all = run_graft({"inspect", path, "--all"});
    expect_quiet_success(all);
    EXPECT_GT(all.out.size(), text.out.size());
    const Outcome object = run_graft({"inspect", path, "--json"});
    expect_quiet_success(object);
    EXPECT_TRUE(json::parse(object.out).is_object());
  }
}

TEST(Inspect, text_shows_configuration_values_as_they_are) {
  const Outcome outcome = run_graft({"inspect", tiny_model()});
  EXPECT_THAT(outcome.out, HasSubstr("model_type: \"llama\""));
}

TEST(Inspect, what_is_no_checkpoint) {
  const TemporaryDirectory directory;
  directory.write("text.safetensors", "not a safetensors file at all");
  directory.write("notes.txt", "hello");
  fs::create_directory(directory.path() / "empty");
  const auto error = [&](const fs::path& path, int code) {
    SCOPED_TRACE(path.string());
    expect_error(run_graft({"inspect", path}), code, {path.string()});
  };
  error(directory.path() / "missing", 2);
  error(directory.path() / "empty", 3);
  error(directory.path() / "text.safetensors", 3);
  error(directory.path() / "notes.txt", 3);
}

TEST(Inspect, a_configuration_is_its_directory) {
  const TemporaryDirectory directory;
  directory.write("config.json", read_text(tiny_model() / "config.json"));
  const Outcome outcome =
      run_graft({"inspect", directory.path() / "config.json"});
  expect_quiet_success(outcome);
  EXPECT_EQ(outcome.out, run_graft({"inspect", directory.path()}).out);
  EXPECT_THAT(outcome.out, HasSubstr("model.embed_tokens.weight"));
}

// A hostile name must not move the cursor of a terminal or forge a row.
TEST(Inspect, control_characters_of_a_file_are_not_printed) {
  const TemporaryDirectory directory;
  const std::string header =
      R"({"a\u001b[2J\nforged":{"dtype":"U8","shape":[1],)"
      R"("data_offsets":[0,1]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  directory.write("x.safetensors", bytes + header + "z");
  const Outcome outcome =
      run_graft({"inspect", directory.path() / "x.safetensors"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("\nforged")));
  const Outcome object =
      run_graft({"inspect", directory.path() / "x.safetensors", "--json"});
  EXPECT_TRUE(json::accept(object.out)) << object.out;
}

}  // namespace
}  // namespace graft::test
