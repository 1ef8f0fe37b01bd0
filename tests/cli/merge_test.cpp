// `graft merge` and `graft verify`: the report, what is refused, and damage
// that verify must see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cli/program.h"
#include "cli/small_model.h"
#include "graft/io/sharded_safetensors.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Merge : public testing::Test {
 protected:
  Merge() : base_(tiny_model()), adapter_(directory_.path() / "adapter") {
    write_small_adapter(adapter_);
  }

  Outcome merge(const fs::path& output, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"merge", base_, adapter_, "-o", output};
    words.insert(words.end(), more.begin(), more.end());
    return run_graft(std::move(words));
  }
  Outcome verify(const fs::path& merged) {
    return run_graft({"verify", base_, adapter_, merged});
  }

  TemporaryDirectory directory_;
  fs::path base_;
  fs::path adapter_;
};

TEST_F(Merge, writes_what_verify_accepts) {
  const fs::path output = directory_.path() / "merged";
  const Outcome outcome = merge(output);
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("wrote " + output.string()));
  expect_quiet_success(verify(output));
  EXPECT_EQ(names_in(output), names_in(base_));
  EXPECT_EQ(bytes_of(output / "tokenizer.json"),
            bytes_of(base_ / "tokenizer.json"));
  EXPECT_EQ(names_in(directory_.path()), "adapter merged");
}

TEST_F(Merge, json_reports_are_json) {
  const fs::path output = directory_.path() / "merged";
  const json report = json::parse(merge(output, {"--json"}).out);
  EXPECT_EQ(report.at("merged").size(), 8u);  // q and v of four layers
  const Outcome outcome =
      run_graft({"verify", base_, adapter_, output, "--json"});
  expect_quiet_success(outcome);
  EXPECT_TRUE(json::parse(outcome.out).is_object());
}

// config.json ties the head, the file holds another one: what is stored wins,
// with a warning, and is written back as it was.
TEST_F(Merge, keeps_a_head_of_its_own) {
  base_ = directory_.path() / "base";
  const auto config = read_json(tiny_model() / "config.json");
  const std::int64_t rows = config.at("vocab_size");
  const std::int64_t width = config.at("hidden_size");
  const std::vector<float> values(static_cast<std::size_t>(rows * width), 0.5F);
  write_tiny_model_with(base_, "lm_head.weight",
                        HostTensor::from_floats({rows, width}, values));
  const fs::path output = directory_.path() / "merged";
  for (const Outcome& outcome :
       {merge(output), verify(output), run_graft({"plan", base_})}) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    ASSERT_EQ(warnings_of(outcome).size(), 1u) << outcome.err;
    EXPECT_THAT(warnings_of(outcome).front(),
                HasSubstr("lm_head.weight is stored and differs"));
  }
  const auto before = ShardedSafetensors::open(base_);
  const auto after = ShardedSafetensors::open(output);
  EXPECT_TRUE(std::ranges::equal(before.tensor("lm_head.weight").bytes,
                                 after.tensor("lm_head.weight").bytes));
  EXPECT_EQ(bytes_of(base_ / "config.json"), bytes_of(output / "config.json"));
}

TEST_F(Merge, threads_do_not_change_bytes) {
  merge(directory_.path() / "one", {"--threads", "1"});
  merge(directory_.path() / "three", {"--threads", "3"});
  EXPECT_EQ(bytes_of(directory_.path() / "one" / "model.safetensors"),
            bytes_of(directory_.path() / "three" / "model.safetensors"));
}

TEST_F(Merge, existing_output_is_refused_unless_told) {
  const fs::path output = directory_.path() / "merged";
  fs::create_directory(output);
  expect_quiet_success(merge(output));  // an empty folder is no loss
  directory_.write("merged/mine.txt", "keep me");
  expect_error(merge(output), 2, {output.string(), "--overwrite"});
  expect_error(merge(output, {"--overwrite"}), 2,
               {output.string(), "'mine.txt'"});
  EXPECT_EQ(bytes_of(output / "mine.txt"), "keep me");
  fs::remove(output / "mine.txt");
  expect_quiet_success(merge(output, {"--overwrite"}));
  expect_quiet_success(verify(output));
  EXPECT_EQ(names_in(directory_.path()), "adapter merged");
}

// --overwrite is for earlier results, not for whatever stands there.
TEST_F(Merge, overwrite_replaces_checkpoints_alone) {
  const fs::path output = directory_.path() / "out";
  const auto refused = [&](const std::string& name) {
    SCOPED_TRACE(name);
    const std::string before = names_in(output);
    expect_error(merge(output, {"--overwrite"}), 2,
                 {output.string(), "'" + name + "'", "Choose another"});
    EXPECT_EQ(names_in(output), before);
  };
  directory_.write("out/config.json", "{}");
  directory_.write("out/README.md", "a project");
  refused("README.md");  // no weights: no checkpoint
  expect_quiet_success(merge(directory_.path() / "good"));
  fs::remove_all(output);
  fs::copy(directory_.path() / "good", output);
  fs::create_directory(output / "src");
  refused("src");
  fs::remove_all(output / "src");
  for (const char* name : {"notes.txt", "data.jsonl", "adapter_config.json",
                           "other.safetensors", ".git"}) {
    directory_.write(fs::path("out") / name, "mine");
    refused(name);
    fs::remove(output / name);
  }
  directory_.write("out/model-00001-of-00002.safetensors", "shard");
  directory_.write("out/tokenizer.model", "t");
  expect_quiet_success(merge(output, {"--overwrite"}));
  EXPECT_EQ(names_in(output), names_in(base_));
}

TEST_F(Merge, keys_of_a_recipe) {
  const fs::path output = directory_.path() / "merged";
  const std::string set = "compute.threads=1";
  expect_quiet_success(merge(output, {"--set", set}));
  expect_quiet_success(run_graft(
      {"verify", base_, adapter_, output, "--set", "compute.threads=2"}));
  expect_error(merge(output, {"--set", "compute.threads=none"}), 2,
               {"compute.threads"});
  for (const char* key : {"adapter.rank", "compute.dtype", "output"}) {
    const std::string typed = std::string(key) + "=1";
    const std::string name = "'" + std::string(key) + "' means nothing to ";
    expect_error(merge(directory_.path() / "no", {"--set", typed}), 2,
                 {name + "graft merge", "compute.threads"});
    expect_error(run_graft({"verify", base_, adapter_, output, "--set", typed}),
                 2, {name + "graft verify"});
    expect_error(run_graft({"inspect", output, "--set", typed}), 2,
                 {name + "graft inspect", "no key"});
    expect_error(run_graft({"tokenize", base_, "--set", typed}), 2,
                 {name + "graft tokenize", "no key"});
  }
}

TEST_F(Merge, output_that_would_destroy_an_input_is_refused) {
  const fs::path copy = directory_.path() / "copy";
  fs::copy(base_, copy);
  base_ = copy;
  for (const fs::path& output : {copy, copy / ".", copy / "", directory_.path(),
                                 adapter_, adapter_ / "."}) {
    SCOPED_TRACE(output.string());
    expect_error(merge(output, {"--overwrite"}), 2, {output.string()});
    EXPECT_TRUE(fs::exists(copy / "model.safetensors"));
    EXPECT_TRUE(fs::exists(adapter_ / "adapter_config.json"));
  }
}

TEST_F(Merge, outputs_that_cannot_be) {
  const fs::path file = directory_.write("file", "x");
  expect_error(merge(file), 2, {file.string(), "a file"});
  expect_error(merge(""), 2, {"output"});
  expect_error(merge(file / "below"), 4, {file.string()});
  expect_error(merge("/proc/no_such/merged"), 4, {"/proc/no_such"});
  EXPECT_EQ(bytes_of(file), "x");
}

TEST_F(Merge, inputs_that_are_missing_or_wrong) {
  const fs::path output = directory_.path() / "merged";
  const auto error = [&](const fs::path& base, const fs::path& adapter,
                         int code, const std::string& part) {
    expect_error(run_graft({"merge", base, adapter, "-o", output}), code,
                 {part});
    EXPECT_FALSE(fs::exists(output));
  };
  error("/no/such/base", adapter_, 2, "/no/such/base");
  error(base_, "/no/such/adapter", 3, "/no/such/adapter");
  error(base_, base_, 3, base_.string());
  error(adapter_, adapter_, 3, adapter_.string());
  error(base_, base_ / "config.json", 3, "config.json");
}

TEST_F(Merge, threads_out_of_range) {
  for (const char* count : {"-1", "99999", "two"}) {
    expect_error(merge(directory_.path() / "merged", {"--threads", count}), 2,
                 {"--threads"});
  }
}

TEST_F(Merge, verify_sees_every_damage) {
  const fs::path output = directory_.path() / "merged";
  merge(output);
  const std::string good = bytes_of(output / "model.safetensors");
  for (const std::size_t from_end : {std::size_t{1}, good.size() / 2}) {
    std::string bad = good;
    bad[bad.size() - from_end] ^= 1;
    directory_.write("merged/model.safetensors", bad);
    const Outcome outcome = verify(output);
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.out, HasSubstr("differs"));
  }
  directory_.write("merged/model.safetensors", good.substr(0, good.size() - 1));
  expect_error(verify(output), 3, {"merged/model.safetensors"});
  EXPECT_EQ(verify(base_).code, 3);
  expect_error(verify(directory_.path() / "none"), 2, {"none"});
}

TEST_F(Merge, folders_with_odd_names) {
  for (const char* name : {"a b", "zwölf", "line\nbreak", "-o"}) {
    SCOPED_TRACE(name);
    const fs::path output = directory_.path() / name;
    expect_quiet_success(merge(output));
    expect_quiet_success(verify(output));
  }
  const Outcome relative =
      run_program({.args = {"merge", base_, adapter_, "-o", "here/merged/"},
                   .directory = directory_.path()});
  expect_quiet_success(relative);
  expect_quiet_success(verify(directory_.path() / "here" / "merged"));
}

}  // namespace
}  // namespace graft::test
