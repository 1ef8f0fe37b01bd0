// `graft train`: what a finished run leaves, and what it will not overwrite.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/short_run.h"
#include "cli/small_model.h"
#include "graft/io/atomic_output.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Train : public ShortRun {};

TEST_F(Train, leaves_the_documented_run_directory) {
  const fs::path run = path("run");
  const Outcome outcome =
      train(run, {"--save-every", "2", "--keep", "all", "--set",
                  "data.eval=0.2", "--eval-every", "3"});
  expect_quiet_success(outcome);
  EXPECT_EQ(names_in(run),
            "adapter checkpoints environment.json metrics.jsonl recipe.yaml");
  EXPECT_EQ(names_in(run / "adapter"),
            "adapter_config.json adapter_model.safetensors");
  for (const char* step : {"step-2", "step-4", "step-6"}) {
    EXPECT_TRUE(fs::is_directory(run / "checkpoints" / step)) << step;
  }
  const auto steps = metrics(run, "loss");
  ASSERT_EQ(steps.size(), 6u);
  for (const char* key : {"step", "loss", "grad_norm", "lr", "tokens",
                          "tokens_per_s", "peak_rss_mb"}) {
    EXPECT_TRUE(steps[0].at(key).is_number()) << key;
  }
  EXPECT_EQ(steps.back().at("step"), 6);
  EXPECT_EQ(metrics(run, "eval_loss").size(), 2u);
  EXPECT_TRUE(read_json(run / "environment.json").contains("libtorch"));
  EXPECT_THAT(read_text(run / "recipe.yaml"), HasSubstr("rank: 4"));
}

TEST_F(Train, result_is_read_by_the_other_commands) {
  const fs::path run = path("run");
  const Outcome outcome = train(run, {"--json"});
  expect_quiet_success(outcome);
  const json result = json::parse(outcome.out);
  const std::string adapter = result.at("output");
  EXPECT_EQ(result.at("steps"), 6);
  expect_quiet_success(run_graft({"inspect", adapter}));
  expect_quiet_success(
      run_graft({"merge", tiny_model(), adapter, "-o", path("merged")}));
  expect_quiet_success(
      run_graft({"verify", tiny_model(), adapter, path("merged")}));
  const Outcome eval =
      run_graft({"eval", path("merged"), data_, "--json", "--threads", "1"});
  expect_quiet_success(eval);
  EXPECT_TRUE(json::parse(eval.out).at("loss").is_number());
}

TEST_F(Train, same_seed_same_bytes_other_seed_other_bytes) {
  expect_quiet_success(train(path("a"), {"--dropout", "0.1"}));
  expect_quiet_success(train(path("b"), {"--dropout", "0.1"}));
  expect_quiet_success(train(path("c"), {"--dropout", "0.1", "--seed", "7"}));
  EXPECT_EQ(adapter_bytes(path("a")), adapter_bytes(path("b")));
  EXPECT_NE(adapter_bytes(path("a")), adapter_bytes(path("c")));
  EXPECT_EQ(bytes_of(path("a") / "adapter" / "adapter_config.json"),
            bytes_of(path("b") / "adapter" / "adapter_config.json"));
}

TEST_F(Train, the_written_recipe_gives_the_same_adapter) {
  expect_quiet_success(train(path("a")));
  expect_quiet_success(
      run_graft({"train", path("a") / "recipe.yaml", "-o", path("b")}));
  EXPECT_EQ(adapter_bytes(path("a")), adapter_bytes(path("b")));
}

TEST_F(Train, dry_run_writes_nothing) {
  const Outcome outcome = train(path("run"), {"--dry-run"});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("linear_qkv"));
  EXPECT_THAT(outcome.out, HasSubstr("24 rows"));
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(Train, dry_run_as_json) {
  const Outcome outcome = train(path("run"), {"--dry-run", "--json"});
  expect_quiet_success(outcome);
  const json setup = json::parse(outcome.out);
  EXPECT_EQ(setup.at("schema"), "graft.train_setup/1");
  EXPECT_EQ(setup.at("steps"), 6);
  EXPECT_EQ(setup.at("data").at("rows"), 24);
  EXPECT_EQ(setup.at("plan").at("schema"), "graft.plan/1");
  EXPECT_TRUE(setup.at("eval").is_null());
  const json full = json::parse(
      train(path("run"), {"--dry-run", "--json", "--method", "full"}).out);
  EXPECT_TRUE(full.at("plan").is_null());
  EXPECT_FALSE(fs::exists(path("run")));
}

// The copies are told, in bytes of q, k, v, gate and up of all layers.
TEST_F(Train, copied_weights_are_printed) {
  const auto setup = [&](const std::string& layout) {
    return json::parse(train(path("run"), {"--dry-run", "--json", "--set",
                                           "compute.dtype=native", "--set",
                                           "compute.weight_layout=" + layout})
                           .out);
  };
  const std::int64_t rows = 128 + 2 * 64 + 2 * 352;
  EXPECT_EQ(setup("auto").at("packed_weight_bytes"), 0);
  EXPECT_EQ(setup("packed").at("packed_weight_bytes"), 4 * rows * 128 * 2);
  const Outcome text =
      train(path("run"), {"--dry-run", "--set", "compute.dtype=native", "--set",
                          "compute.weight_layout=packed"});
  EXPECT_THAT(text.out, HasSubstr(", 1.0 MB of weights copied for it"));
}

TEST_F(Train, what_is_given_by_word_and_flag_is_refused) {
  expect_error(train(path("run"), {"--model", "elsewhere"}), 2,
               {"train: model is given twice: as MODEL and by --model"});
  expect_error(train(path("run"), {"--set", "data.train=other.jsonl"}), 2,
               {"data.train is given twice: as DATA and by --set"});
  EXPECT_FALSE(fs::exists(path("run")));
}

// The file has one lora_dropout: two end the run before it begins.
TEST_F(Train, mixed_dropouts_are_refused_before_training) {
  const Outcome outcome =
      train(path("run"),
            {"--set", "adapter.rules=[{targets: [q_proj], dropout: 0.1}]",
             "--set", "adapter.targets=[o_proj]"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("one dropout (lora_dropout) for all"));
  EXPECT_FALSE(fs::exists(path("run")));
}

TEST_F(Train, existing_output_is_refused_unless_told) {
  directory_.write("run/mine.txt", "keep me");
  expect_error(train(path("run")), 2,
               {path("run").string(), "--resume", "--overwrite"});
  expect_error(train(path("run"), {"--overwrite"}), 2, {"holds no run"});
  expect_error(train(path("run"), {"--resume"}), 2, {"holds no run"});
  EXPECT_EQ(names_in(path("run")), "mine.txt");
  expect_error(train(data_), 2, {data_.string()});
  expect_error(train(path("new"), {"--resume", "--overwrite"}), 2,
               {"exclude each other"});
  expect_quiet_success(train(path("new"), {"--steps", "1"}));
  expect_error(train(path("new")), 2, {"--resume", "--overwrite"});
  directory_.write("new/mine.txt", "keep me");
  expect_quiet_success(train(path("new"), {"--steps", "2", "--overwrite"}));
  EXPECT_EQ(metrics(path("new"), "loss").size(), 2u);
  EXPECT_EQ(bytes_of(path("new") / "mine.txt"), "keep me");
}

// Nothing is touched when the run would read from what it overwrites.
TEST_F(Train, overwrite_never_removes_its_own_input) {
  expect_quiet_success(
      train(path("run"), {"--method", "full", "--steps", "1"}));
  const fs::path model = path("run") / "model";
  const std::string bytes = bytes_of(model / "model.safetensors");
  const std::string all = names_in(path("run"));
  fs::copy_file(data_, path("run") / "checkpoints" / "data.jsonl");
  const auto refused = [&](const fs::path& base, const fs::path& data,
                           const std::vector<std::string>& more) {
    std::vector<std::string> line = words(path("run"), {"--overwrite"});
    line[1] = base;
    line[2] = data;
    line.insert(line.end(), more.begin(), more.end());
    expect_error(run_graft(line), 2,
                 {path("run").string(), "which the run reads"});
    EXPECT_EQ(bytes_of(model / "model.safetensors"), bytes);
    EXPECT_EQ(names_in(path("run")), all);
  };
  const fs::path inside = path("run") / "checkpoints" / "data.jsonl";
  refused(model, data_, {});
  refused(tiny_model(), inside, {});
  refused(tiny_model(), data_, {"--eval", inside});
  fs::create_directory_symlink(model, path("link"));
  refused(path("link"), data_, {});
  fs::create_directory(path("links"));
  for (const auto& entry : fs::directory_iterator(model)) {
    fs::create_symlink(entry.path(), path("links") / entry.path().filename());
  }
  refused(path("links"), data_, {});
}

// Killed between its first folder and recipe.yaml, its last file.
TEST_F(Train, a_run_that_only_began_is_taken_over) {
  for (const char* mode : {"", "--resume", "--overwrite"}) {
    for (const int files : {0, 1, 2}) {
      SCOPED_TRACE(std::string(mode) + " " + std::to_string(files));
      const fs::path run =
          path("run" + std::string(mode) + std::to_string(files));
      fs::create_directories(run / "checkpoints");
      if (files > 0) write_file_atomically(run / "metrics.jsonl", "");
      if (files > 1) {
        write_file_atomically(run / "environment.json", "{}");
        write_file_atomically(run / ".recipe.yaml.graft-tmp-1-2", "model");
      }
      std::vector<std::string> more = {"--steps", "1"};
      if (*mode != 0) more.push_back(mode);
      expect_quiet_success(train(run, more));
      EXPECT_TRUE(fs::exists(run / "adapter"));
    }
  }
  fs::create_directories(path("other") / "checkpoints" / "mine");
  expect_error(train(path("other")), 2, {"is not empty"});
}

// A project folder holds a recipe, a model and data, and is no run.
TEST_F(Train, overwrite_never_removes_a_project) {
  const fs::path project = path("project");
  link_tiny_model(project / "model");
  directory_.write("project/recipe.yaml", "model: model\noutput: .\n");
  fs::copy_file(data_, project / "train.jsonl");
  const Outcome outcome =
      run_program({.args = {"train", "recipe.yaml", "--train", "train.jsonl",
                            "--steps", "1", "--overwrite"},
                   .directory = project});
  expect_error(outcome, 2, {project.string(), "which the run reads"});
  EXPECT_TRUE(fs::exists(project / "model" / "config.json"));
  EXPECT_THAT(bytes_of(project / "recipe.yaml"), HasSubstr("output: ."));
}

TEST_F(Train, full_training_writes_a_model) {
  expect_quiet_success(
      train(path("run"), {"--method", "full", "--steps", "2"}));
  EXPECT_TRUE(fs::exists(path("run") / "model" / "config.json"));
  EXPECT_THAT(read_text(path("run") / "recipe.yaml"),
              testing::Not(HasSubstr("adapter:")));
  expect_quiet_success(
      run_graft({"train", path("run") / "recipe.yaml", "--resume"}));
  const Outcome outcome =
      run_graft({"generate", path("run") / "model", "--prompt", "The",
                 "--max-new-tokens", "2"});
  expect_quiet_success(outcome);
}

TEST_F(Train, folders_with_odd_names) {
  for (const char* name : {"a b", "zwölf 模型", "line\nbreak: {x}"}) {
    SCOPED_TRACE(name);
    expect_quiet_success(train(path(name) / "run", {"--steps", "1"}));
    // The recipe must survive its own quoting.
    expect_quiet_success(run_graft(
        {"train", path(name) / "run" / "recipe.yaml", "--overwrite"}));
  }
}

TEST_F(Train, relative_output_without_parent) {
  expect_quiet_success(run_program(
      {.args = words("fresh", {"--steps", "1"}), .directory = path("")}));
  EXPECT_TRUE(fs::exists(path("fresh") / "adapter"));
}

}  // namespace
}  // namespace graft::test
