// `graft plan`: selections that hit, that miss, and models that are none.
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

Outcome plan(std::vector<std::string> words) {
  words.insert(words.begin(), {"plan", tiny_model().string()});
  return run_graft(std::move(words));
}

TEST(Plan, shows_both_names_and_counts) {
  const Outcome outcome = plan({"--target", "o_proj", "--rank", "4"});
  expect_quiet_success(outcome);
  for (const char* part : {"linear_proj", "o_proj", "0-3", "trainable"}) {
    EXPECT_THAT(outcome.out, HasSubstr(part));
  }
}

TEST(Plan, json_is_json) {
  const Outcome outcome =
      plan({"--json", "--target", "*.layers.{1..2}.*.linear_qkv"});
  expect_quiet_success(outcome);
  const json object = json::parse(outcome.out);
  EXPECT_EQ(object.at("entries").at(0).at("hits"), 2);
}

TEST(Plan, needs_no_torch_and_little_memory) {
  const Outcome outcome = plan({});
  expect_quiet_success(outcome);
  expect_memory_below(outcome, 64);
}

TEST(Plan, entry_that_hits_nothing_is_an_error_with_suggestions) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"q_porj", "Nearest: q_proj (4 modules)"},
      {"linear_qvk", "linear_qkv"},
      {".layers.0..linear_qkv", "*.layers.0.*.linear_qkv"},
      {"*.layers.9.*", "selects no module"},
      {"\xff\xfe", "selects no module"}};
  for (const auto& [entry, part] : rows) {
    SCOPED_TRACE(entry);
    const Outcome outcome = plan({"--target", entry});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("error: plan: --target: '"));
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_THAT(outcome.err, HasSubstr("allow_unmatched"));
  }
}

TEST(Plan, every_entry_that_hits_nothing_is_named) {
  const Outcome outcome =
      plan({"--target", "q_porj", "--target", "o_proj", "--target", "v_porj"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("q_porj"));
  EXPECT_THAT(outcome.err, HasSubstr("v_porj"));
  EXPECT_THAT(outcome.err, testing::Not(HasSubstr("'o_proj'")));
}

TEST(Plan, entries_of_a_recipe_name_file_and_line) {
  const TemporaryDirectory directory;
  const auto recipe = directory.write(
      "recipe.yaml", "model: \"" + tiny_model().string() +
                         "\"\nadapter:\n  targets:\n    - o_proj\n"
                         "    - q_porj\n  rules:\n    - targets: [k_proj,\n"
                         "        v_porj]\n    - {targets: upp_proj}\n");
  const Outcome outcome = run_graft({"plan", recipe});
  EXPECT_EQ(outcome.code, 2);
  for (const char* part :
       {":5: 'q_porj' selects no module. Nearest: q_proj (4 modules)",
        ":8: 'v_porj' selects no module.", ":9: 'upp_proj' selects no"}) {
    EXPECT_THAT(outcome.err, HasSubstr(recipe.string() + part));
  }
  EXPECT_THAT(outcome.err, HasSubstr("error: plan: "));
  const Outcome set =
      run_graft({"plan", recipe, "--set", "adapter.targets=[down_porj]",
                 "--set", "adapter.rules=[{targets: [gate_porj]}]"});
  EXPECT_EQ(set.code, 2);
  EXPECT_THAT(set.err, HasSubstr("--set: 'down_porj' selects no module."));
  EXPECT_THAT(set.err, HasSubstr("--set: 'gate_porj' selects no module."));
}

// A recipe is for every command; what is typed is for this one.
TEST(Plan, keys_that_mean_nothing_are_refused_unless_in_a_recipe) {
  for (const char* key : {"training.steps", "data.train", "compute.threads",
                          "output", "training.micro_batch_size"}) {
    expect_error(plan({"--set", std::string(key) + "=1"}), 2,
                 {"'" + std::string(key) + "' means nothing to graft plan",
                  "adapter.targets"});
  }
  expect_error(plan({"--model", "m"}), 2, {"model is given twice"});
  const TemporaryDirectory directory;
  const auto recipe = directory.write(
      "recipe.yaml", "training: {steps: 5}\ndata: {train: t.jsonl}\n");
  const Outcome good =
      run_graft({"plan", recipe, "--model", tiny_model().string()});
  expect_quiet_success(good);
  EXPECT_EQ(good.out, plan({}).out);
  expect_error(run_graft({"plan", recipe, "--set", "training.steps=6"}), 2,
               {"'training.steps' means nothing to graft plan"});
}

TEST(Plan, allow_unmatched_warns) {
  const Outcome outcome =
      plan({"--target", "q_porj", "--target", "o_proj", "--allow-unmatched"});
  EXPECT_EQ(outcome.code, 0);
  ASSERT_EQ(warnings_of(outcome).size(), 1u);
  EXPECT_THAT(outcome.err, HasSubstr("'q_porj' selects no module"));
}

TEST(Plan, bad_values_are_refused) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> rows = {
      {{"--rank", "0"}, "--rank"},
      {{"--rank", "-1"}, "--rank"},
      {{"--rank", "four"}, "--rank"},
      {{"--rank", "1.5"}, "--rank"},
      {{"--rank", "99999999999999999999"}, "--rank"},
      {{"--alpha", "nan"}, "alpha"},
      {{"--alpha", "inf"}, "alpha"},
      {{"--alpha", "0"}, "alpha"},
      {{"--alpha", "-1"}, "alpha"},
      {{"--alpha", "x"}, "--alpha"},
      {{"--kind", "dora"}, "lora | canonical_lora"},
      {{"--kind", ""}, "lora | canonical_lora"},
      {{"--syntax", "regex"}, "glob | megatron | peft"},
      {{"--set", "method=full"}, "adapts no module"},
      {{"--target", ""}, "targets"},
      {{"--target", "(q|v)_proj"}, "use syntax megatron or peft"},
      {{"--target", "layers.*.q"}, "selects no module"},
      {{"--target", "[z"}, "[z"},
      {{"--target", "{3..1}"}, "{3..1}"}};
  for (const auto& [words, part] : rows) {
    SCOPED_TRACE(words.back());
    const Outcome outcome = plan(words);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    EXPECT_THAT(outcome.err, HasSubstr("error: "));
    EXPECT_THAT(outcome.err, HasSubstr(part));
  }
}

TEST(Plan, model_that_is_not_there) {
  const TemporaryDirectory cache;
  const auto run = [&](const std::string& model) {
    return run_program({.args = {"plan", model},
                        .environment = {{"HF_HUB_CACHE", cache.path()}}});
  };
  expect_error(run("/no/such/folder"), 2, {"'/no/such/folder'"});
  expect_error(run("some-org/some-model"), 2,
               {cache.path().string(), "hf download some-org/some-model"});
  expect_error(run(""), 2, {"''"});
  expect_error(run("../escape"), 2, {"'../escape'"});
  expect_error(run(cache.path()), 3, {cache.path().string()});
  expect_error(run("/dev/null"), 3, {"/dev/null"});
}

TEST(Plan, model_of_the_local_cache) {
  const TemporaryDirectory cache;
  const fs::path repository = cache.path() / "models--some-org--some-model";
  cache.write("models--some-org--some-model/refs/main", "abc123");
  fs::create_directories(repository / "snapshots");
  fs::create_directory_symlink(tiny_model(),
                               repository / "snapshots" / "abc123");
  const Outcome outcome =
      run_program({.args = {"plan", "some-org/some-model"},
                   .environment = {{"HF_HUB_CACHE", cache.path()}}});
  expect_quiet_success(outcome);
}

TEST(Plan, explains_a_module_and_a_part) {
  const Outcome outcome =
      plan({"--target", "q_proj", "--exclude", "*.layers.0.*", "--explain",
            "model.layers.1.self_attn.q_proj", "--explain",
            "decoder.layers.0.self_attention.linear_q"});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("won by"));
  EXPECT_THAT(outcome.out, HasSubstr("exclude entry '*.layers.0.*' of rule 1"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("Plan for")));
  const Outcome as_json =
      plan({"--json", "--explain", "model.layers.1.mlp.down_proj"});
  expect_quiet_success(as_json);
  EXPECT_EQ(json::parse(as_json.out).at("explanations").size(), 1u);
  expect_error(plan({"--explain", "model.layers.1.mlp.down_porj"}), 2,
               {"down_porj", "Nearest: model.layers.1.mlp.down_proj"});
}

TEST(Plan, compares_two_selections) {
  const TemporaryDirectory directory;
  const auto other =
      directory.write("other.yaml",
                      "model: elsewhere\nadapter: {targets: [o_proj, up_proj], "
                      "rank: 64}\n");
  const Outcome outcome = plan({"--target", "o_proj", "--target", "down_proj",
                                "--diff", other.string()});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("4 gained, 4 lost, 4 changed"));
  EXPECT_THAT(outcome.out, HasSubstr("rank 32 -> 64"));
  const Outcome as_json = plan({"--json", "--diff", other.string()});
  EXPECT_EQ(json::parse(as_json.out).at("diff").at("changed").size(), 4u);
  const auto typo = directory.write("typo.yaml", "adapter: {targets: o_porj}");
  EXPECT_EQ(plan({"--diff", typo.string()}).code, 2);
  EXPECT_EQ(plan({"--diff", "absent.yaml"}).code, 2);
}

TEST(Plan, draws_a_tree) {
  const Outcome outcome = plan({"--target", "q_proj", "--tree"});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("decoder.layers.{0-3}"));
  expect_error(plan({"--tree", "--json"}), 2, {"--tree"});
}

TEST(Plan, ordered_rules_from_every_place) {
  const std::string rules =
      "[{targets: kind=mlp, adapt: false}, {targets: "
      "[\"kind=attention:*.layers.{2..}.*\"], rank: 64}]";
  const TemporaryDirectory directory;
  const auto recipe = directory.write(
      "recipe.yaml", "model: \"" + tiny_model().string() +
                         "\"\nadapter: {targets: all-linear, rank: 8, rules: " +
                         rules + "}\n");
  const auto base = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"plan", tiny_model().string(), "--json",
                                 "--target", "all-linear", "--rank", "8"});
    return run_graft(std::move(words));
  };
  const auto sites = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out).at("sites");
  };
  const json from_file = sites(run_graft({"plan", recipe, "--json"}));
  EXPECT_EQ(from_file.size(), 8u);
  EXPECT_EQ(from_file.at(0).at("adapter").at("rank"), 8);
  EXPECT_EQ(from_file.at(7).at("adapter").at("rank"), 64);
  EXPECT_EQ(sites(base({"--rules", rules})), from_file);
  EXPECT_EQ(sites(base({"--set", "adapter.rules=" + rules})), from_file);
}

TEST(Plan, names_on_standard_input) {
  const Outcome outcome = run_graft(
      {"plan", "-", "--target", "kind=expert"},
      "model.layers.0.mlp.experts.0.up\nmodel.layers.0.mlp.experts.1.up\n"
      "model.layers.1.mlp.experts.0.up\nmodel.layers.1.mlp.experts.1.up\n"
      "lm_head\n");
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("up      0-1     0-1             ?"));
  EXPECT_THAT(outcome.out, HasSubstr("4 adapters, shapes and parameters"));
  expect_error(run_graft({"plan", "-"}, ""), 3, {"standard input"});
  const Outcome typo = run_graft({"plan", "-", "--target", "uo"}, "a.up\n");
  EXPECT_EQ(typo.code, 2);
  EXPECT_THAT(typo.err, HasSubstr("Nearest: up (1 module)"));
}

TEST(Plan, config_alone_is_enough) {
  const TemporaryDirectory model;
  fs::copy_file(tiny_model() / "config.json", model.path() / "config.json");
  const Outcome alone = run_graft({"plan", model.path(), "--json"});
  EXPECT_EQ(alone.code, 0);
  ASSERT_EQ(warnings_of(alone).size(), 1u);
  const Outcome whole = plan({"--json"});
  EXPECT_EQ(json::parse(alone.out).at("sites"),
            json::parse(whole.out).at("sites"));
}

TEST(Plan, one_safetensors_file_is_enough) {
  const Outcome outcome =
      run_graft({"plan", (tiny_model() / "model.safetensors").string(),
                 "--target", "q_proj"});
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("4 adapters, "));
}

TEST(Plan, damaged_checkpoints) {
  const std::string good = bytes_of(tiny_model() / "model.safetensors");
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"empty", ""},
      {"half a header", good.substr(0, 100)},
      {"half the data", good.substr(0, good.size() / 2)},
      {"trailing byte", good + "x"},
      {"no safetensors", "hello, world: this is no checkpoint"}};
  for (const auto& [name, bytes] : rows) {
    SCOPED_TRACE(name);
    const TemporaryDirectory model;
    link_tiny_model(model.path());
    fs::remove(model.path() / "model.safetensors");
    model.write("model.safetensors", bytes);
    expect_error(run_graft({"plan", model.path()}), 3,
                 {(model.path() / "model.safetensors").string()});
  }
}

TEST(Plan, odd_configurations) {
  const std::vector<std::string> texts = {"",
                                          "[]",
                                          "{",
                                          "null",
                                          "{\"model_type\": 5}",
                                          "{\"a\": 1e400}",
                                          std::string(200000, '[')};
  for (const std::string& text : texts) {
    SCOPED_TRACE(text.substr(0, 60));
    const TemporaryDirectory model;
    link_tiny_model(model.path());
    fs::remove(model.path() / "config.json");
    model.write("config.json", text);
    const Outcome outcome = run_graft({"plan", model.path()});
    expect_error(outcome, 3, {(model.path() / "config.json").string()});
    expect_memory_below(outcome, 128);
  }
}

// plan works on any checkpoint; what cannot be read as a Llama's falls back to
// the names in the file and says so.
TEST(Plan, configurations_that_contradict_the_file) {
  for (const char* layers : {"-3", "99999999999", "\"four\"", "1.5"}) {
    SCOPED_TRACE(layers);
    const TemporaryDirectory model;
    link_tiny_model(model.path());
    fs::remove(model.path() / "config.json");
    model.write("config.json",
                "{\"model_type\": \"llama\", \"num_hidden_layers\": " +
                    std::string(layers) + "}");
    const Outcome outcome = run_graft({"plan", model.path()});
    expect_memory_below(outcome, 128);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_THAT(outcome.out,
                HasSubstr("Only the names in the file are known: config: " +
                          (model.path() / "config.json").string()));
    EXPECT_THAT(outcome.out, HasSubstr("'num_hidden_layers': got "));
    EXPECT_THAT(outcome.out, testing::Not(HasSubstr("no table")));
    const Outcome as_json = run_graft({"plan", model.path(), "--json"});
    EXPECT_THAT(json::parse(as_json.out).at("table_problem"),
                HasSubstr("num_hidden_layers"));
  }
}

TEST(Plan, folders_with_odd_names) {
  for (const char* name : {"a b", "quote'\"", "zwölf 模型", "line\nbreak",
                           "-dash", "tab\there", "semi;colon|$HOME"}) {
    SCOPED_TRACE(name);
    const TemporaryDirectory parent;
    link_tiny_model(parent.path() / name);
    expect_quiet_success(run_graft({"plan", (parent.path() / name).string()}));
    expect_quiet_success(
        run_graft({"plan", (parent.path() / name).string(), "--json"}));
  }
}

TEST(Plan, family_without_a_table_uses_names_of_the_file) {
  const TemporaryDirectory model;
  link_tiny_model(model.path());
  fs::remove(model.path() / "config.json");
  model.write("config.json", "{\"model_type\": \"no_such_family\"}");
  const Outcome outcome =
      run_graft({"plan", model.path(), "--target", "q_proj"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("q_proj"));
}

TEST(Plan, output_that_cannot_be_written) {
  const Outcome outcome = run_program(
      {.args = {"plan", tiny_model().string()}, .output = "/dev/full"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("cannot write the output"));
}

}  // namespace
}  // namespace graft::test
