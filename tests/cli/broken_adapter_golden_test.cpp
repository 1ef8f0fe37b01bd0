// Every damaged or odd adapter of the goldens through `graft logits` and
// `graft merge`: error, warning or silence, as cases.json wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <optional>

#include "cli/golden_tensors.h"
#include "cli/program.h"
#include "cli/small_model.h"
#include "graft/io/safetensors.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

struct Case {
  std::string name;
  std::string want;
  fs::path adapter;
};

struct Cases {
  fs::path base;
  std::vector<Case> all;
};

Cases read_cases(const fs::path& goldens) {
  const json file = read_json(goldens / "broken" / "cases.json");
  Cases out;
  out.base = goldens / file.at("base").get<std::string>();
  for (const json& row : file.at("cases")) {
    const std::string name = row.at("name");
    out.all.push_back({name, row.at("want"), goldens / "broken" / name});
  }
  return out;
}

// What a case wants of a run: exit code, warnings, and no work half done.
void check_outcome(const Case& row, const Outcome& outcome,
                   const fs::path& output) {
  if (row.want == "error") {
    expect_error(outcome, 3, {row.adapter.string()});
    EXPECT_EQ(names_in(output.parent_path()), "");
    return;
  }
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(fs::exists(output));
  if (row.want == "warning") {
    EXPECT_THAT(warnings_of(outcome), testing::Not(testing::IsEmpty()))
        << outcome.err;
  } else {
    expect_quiet_success(outcome);
  }
}

#ifdef GRAFT_TORCH_COMMANDS

// The undamaged adapter's golden logits, where the cases have them.
std::optional<fs::path> control_golden(const Cases& cases) {
  for (const Case& row : cases.all) {
    const fs::path golden = row.adapter / "golden.safetensors";
    if (row.name == "ok_control" && fs::exists(golden)) return golden;
  }
  return std::nullopt;
}

void check_logits(const Case& row, const Cases& cases, const fs::path& golden,
                  long quiet_rss_kb) {
  SCOPED_TRACE(row.name);
  // The golden tensors may be named as those of an adapter's golden are.
  const bool has_prefix =
      SafetensorsFile::open(golden).find_or_null("full.input_ids") != nullptr;
  const std::string prefix = has_prefix ? "full." : "";
  const TemporaryDirectory directory;
  const fs::path input = directory.path() / "input.safetensors";
  write_golden_input(golden, prefix, false, input);
  fs::create_directory(directory.path() / "out");
  const fs::path output = directory.path() / "out" / "logits.safetensors";
  const Outcome outcome =
      run_graft({"logits", cases.base, "--adapter", row.adapter, "--input",
                 input, "--output", output});
  check_outcome(row, outcome, output);
  expect_memory_below(outcome, quiet_rss_kb / 1024 + 64);
  if (row.want == "ok" && row.name.starts_with("ok_")) {
    expect_golden_logits(
        output, golden,
        {prefix + "attention_mask", prefix + "logits", prefix + "loss"},
        {.logits = 1e-4, .loss = 5e-5});
  }
}

// Some 60 starts of a program that links LibTorch: in parts, so that ctest can
// run them side by side.
void check_part(std::size_t part, std::size_t parts) {
  const auto goldens = goldens_dir();
  if (!goldens || !fs::exists(*goldens / "broken")) {
    std::cout << "no broken adapters beside the source tree\n";
    return;
  }
  const Cases cases = read_cases(*goldens);
  const auto golden = control_golden(cases);
  ASSERT_TRUE(golden) << "ok_control has no golden.safetensors";
  const long quiet = run_graft({"env"}).peak_rss_kb;
  CaseCounter counter("broken adapters through graft logits");
  for (std::size_t i = part; i < cases.all.size(); i += parts) {
    check_logits(cases.all[i], cases, *golden, quiet);
    counter.ran();
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

TEST(BrokenAdapter, golden_logits_part_1) { check_part(0, 2); }
TEST(BrokenAdapter, golden_logits_part_2) { check_part(1, 2); }

#endif

// The commands without LibTorch read adapters by the same rules.
TEST(BrokenAdapter, golden_merge) {
  const auto goldens = goldens_dir();
  if (!goldens || !fs::exists(*goldens / "broken")) {
    std::cout << "no broken adapters beside the source tree\n";
    return;
  }
  const Cases cases = read_cases(*goldens);
  CaseCounter counter("broken adapters through graft merge");
  for (const Case& row : cases.all) {
    SCOPED_TRACE(row.name);
    const TemporaryDirectory directory;
    fs::create_directory(directory.path() / "out");
    const fs::path output = directory.path() / "out" / "merged";
    const Outcome outcome =
        run_graft({"merge", cases.base, row.adapter, "-o", output});
    check_outcome(row, outcome, output);
    expect_memory_below(outcome, 128);
    counter.ran();
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft::test
