// `graft logits` on every model and adapter of the goldens: what graft claims
// to run agrees with the reference, anything else is one clear error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "cli/golden_tensors.h"
#include "cli/program.h"
#include "cli/small_model.h"
#include "graft/io/safetensors.h"
#include "support/adapter_kind.h"
#include "support/shared_data.h"
#include "support/unfinished_family.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr Tolerance kModel{.logits = 1e-4, .loss = 2e-5};
constexpr Tolerance kAdapter{.logits = 2e-4, .loss = 5e-5};

bool runs(const fs::path& model) {
  return !unfinished_family(
      read_json(model / "config.json").value("model_type", ""));
}

struct Variant {
  std::string prefix;
  std::string suffix;  // "_posids": with position_ids
};

void check_variant(const fs::path& model, const Variant& variant) {
  SCOPED_TRACE(model.string() + " " + variant.prefix + variant.suffix);
  const TemporaryDirectory directory;
  const fs::path golden = model / "golden.safetensors";
  const fs::path input = directory.path() / "in.safetensors";
  const fs::path output = directory.path() / "out.safetensors";
  write_golden_input(golden, variant.prefix + ".", !variant.suffix.empty(),
                     input);
  expect_quiet_success(
      run_graft({"logits", model, "--input", input, "--output", output}));
  expect_golden_logits(output, golden,
                       {variant.prefix + ".attention_mask",
                        variant.prefix + ".logits" + variant.suffix,
                        variant.prefix + ".loss" + variant.suffix},
                       kModel);
}

// The whole family costs four runs; the others show their start and end.
void check_model(const fs::path& model) {
  const auto file = SafetensorsFile::open(model / "golden.safetensors");
  for (const char* prefix : {"full", "left", "right"}) {
    check_variant(model, {prefix, ""});
    const std::string positions = std::string(prefix) + ".logits_posids";
    if (file.find_or_null(positions)) check_variant(model, {prefix, "_posids"});
  }
}

void expect_unknown_family(const fs::path& model) {
  const TemporaryDirectory directory;
  const fs::path input = directory.path() / "in.safetensors";
  write_golden_input(model / "golden.safetensors", "full.", false, input);
  const std::string type =
      read_json(model / "config.json").at("model_type").get<std::string>();
  expect_error(run_graft({"logits", model, "--input", input, "--output",
                          directory.path() / "out.safetensors"}),
               3, {(model / "config.json").string(), "'model_type'", type});
  EXPECT_EQ(names_in(directory.path()), "in.safetensors");
}

TEST(GoldenLogits, golden_models) {
  const auto goldens = goldens_dir();
  if (!goldens) return;
  CaseCounter counter("models through graft logits");
  for (const fs::path& model : sub_directories(*goldens / "models")) {
    SCOPED_TRACE(model.string());
    if (runs(model)) {
      check_model(model);
      counter.ran();
    } else {
      expect_unknown_family(model);
      counter.skipped("family that graft does not run: refused by name");
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

bool adapts_experts(const fs::path& adapter) {
  const auto file =
      SafetensorsFile::open(adapter / "adapter_model.safetensors");
  return std::ranges::any_of(file.entries(), [](const TensorEntry& entry) {
    return entry.name.find(".experts.") != std::string::npos;
  });
}

void check_adapter(const fs::path& base, const fs::path& adapter) {
  SCOPED_TRACE(adapter.string());
  const TemporaryDirectory directory;
  const fs::path golden = adapter / "golden.safetensors";
  const fs::path input = directory.path() / "in.safetensors";
  const fs::path output = directory.path() / "out.safetensors";
  write_golden_input(golden, "full.", false, input);
  const Outcome outcome = run_graft({"logits", base, "--adapter", adapter,
                                     "--input", input, "--output", output});
  if (const auto word = refusal_word(adapter)) {
    expect_error(outcome, 3, {adapter.string(), *word});
    EXPECT_FALSE(fs::exists(output));
    return;
  }
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_golden_logits(output, golden,
                       {"full.attention_mask", "full.logits", "full.loss"},
                       kAdapter);
}

TEST(GoldenLogits, golden_adapters) {
  const auto goldens = goldens_dir();
  if (!goldens) return;
  CaseCounter counter("adapters through graft logits");
  for (const fs::path& adapter : sub_directories(*goldens / "adapters")) {
    const json config = read_json(adapter / "adapter_config.json");
    const fs::path base =
        *goldens / config.at("base_model_name_or_path").get<std::string>();
    if (!runs(base)) {
      counter.skipped("base of a family that graft does not run");
    } else if (adapts_experts(adapter)) {
      counter.skipped("adapters on experts have no runtime yet");
    } else {
      check_adapter(base, adapter);
      counter.ran();
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft::test
