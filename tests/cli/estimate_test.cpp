// What `graft train` says before it trains: memory, time, packing; and what it
// refuses to start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "cli/short_run.h"
#include "cli/small_model.h"

namespace graft::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// The first number behind `start` in a text.
double number_behind(const std::string& text, const std::string& start) {
  std::smatch found;
  const std::regex pattern(start + "([0-9.]+)");
  if (!std::regex_search(text, found, pattern)) {
    ADD_FAILURE() << start << " in " << text;
    return 0.0;
  }
  return std::stod(found[1].str());
}

class Estimate : public ShortRun {
 protected:
  // Rows of the longest length that the tiny model takes.
  void write_long_rows(int count) const {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += "{\"text\":\"";
      for (int j = 0; j < 400; ++j) text += "the quay ";
      text += "\"}\n";
    }
    directory_.write("data.jsonl", text);
  }
  // Every row at once, in a process of at most `megabytes` of data.
  Outcome limited(int megabytes, std::vector<std::string> more) const {
    more.insert(more.begin(), {"--steps", "1", "--batch-size", "120"});
    Invocation invocation{.args = words(path("run"), more)};
    invocation.largest_data = static_cast<std::uint64_t>(megabytes) << 20;
    return run_program(invocation);
  }
};

TEST_F(Estimate, memory_is_near_what_the_run_takes) {
  for (const char* more : {"off", "on"}) {
    const std::vector<std::string> options = {"--checkpoint-activations", more,
                                              "--dtype", "fp32"};
    std::vector<std::string> dry = options;
    dry.push_back("--dry-run");
    const Outcome said = train(path("none"), dry);
    expect_quiet_success(said);
    expect_quiet_success(train(path(more), options));
    const double peak = metrics(path(more), "loss").back().at("peak_rss_mb");
    EXPECT_NEAR(number_behind(said.out, "memory +about ") / peak, 1.0, 0.2);
    EXPECT_THAT(said.out, HasSubstr("time     about 0:0"));
    EXPECT_THAT(said.out, HasSubstr("tokens to compute"));
  }
}

// Half types where the CPU has them: kernels for each number of tokens count.
TEST_F(Estimate, memory_of_many_lengths_is_near_what_the_run_takes) {
  std::string text;
  for (int i = 0; i < 64; ++i) {
    text += "{\"text\":\"";
    for (int j = 0; j < 4 + i; ++j) text += "the quay ";
    text += "\"}\n";
  }
  directory_.write("data.jsonl", text);
  std::vector<std::string> options = {
      "--packing", "off", "--micro-batch-size", "1", "--steps", "16"};
  expect_quiet_success(train(path("run"), options));
  options.push_back("--dry-run");
  const Outcome said = train(path("none"), options);
  expect_quiet_success(said);
  const double peak = metrics(path("run"), "loss").back().at("peak_rss_mb");
  EXPECT_NEAR(number_behind(said.out, "memory +about ") / peak, 1.0, 0.2);
}

TEST_F(Estimate, recomputation_does_not_change_the_adapter) {
  const std::vector<std::string> dropout = {
      "--dropout", "0.1", "--save-every", "3", "--keep", "all"};
  const auto run = [&](const char* name, const char* wanted,
                       std::vector<std::string> more) {
    more.insert(more.end(), dropout.begin(), dropout.end());
    more.insert(more.end(), {"--checkpoint-activations", wanted});
    expect_quiet_success(train(path(name), more));
  };
  run("off", "off", {"--dtype", "fp32"});
  run("on", "on", {"--dtype", "fp32"});
  EXPECT_EQ(adapter_bytes(path("off")), adapter_bytes(path("on")));
  // A run may go on with the other setting.
  std::filesystem::remove_all(path("on") / "checkpoints" / "step-6");
  std::filesystem::remove_all(path("on") / "adapter");
  run("on", "off", {"--dtype", "fp32", "--resume"});
  EXPECT_EQ(adapter_bytes(path("off")), adapter_bytes(path("on")));
}

TEST_F(Estimate, packing_is_said_and_takes_the_same_steps) {
  const auto losses = [&](const char* packing, const char* said) {
    const Outcome outcome =
        train(path(packing), {"--packing", packing, "--dtype", "fp32"});
    expect_quiet_success(outcome);
    EXPECT_THAT(outcome.err, HasSubstr(said));
    std::vector<double> out;
    for (const auto& row : metrics(path(packing), "loss")) {
      out.push_back(row.at("loss"));
    }
    return out;
  };
  const auto padded = losses("off", "packing  off, ");
  const auto packed = losses("on", "packing  on, ");
  ASSERT_EQ(padded.size(), packed.size());
  for (std::size_t i = 0; i < padded.size(); ++i) {
    EXPECT_NEAR(packed[i], padded[i], 1e-4) << i;
  }
  expect_error(train(path("on"), {"--packing", "off", "--resume"}), 2,
               {"data.packing: got off, expected on"});
}

TEST_F(Estimate, too_little_memory_is_refused_with_what_fits) {
  write_long_rows(120);
  const std::vector<std::string> whole = {
      "--micro-batch-size", "120", "--max-length", "256", "--dtype", "fp32"};
  std::vector<std::string> off = whole;
  off.insert(off.end(), {"--checkpoint-activations", "off"});
  const Outcome outcome = limited(900, off);
  EXPECT_EQ(outcome.code, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("more memory than there is (ulimit -d)"));
  EXPECT_THAT(outcome.err, HasSubstr("These settings would fit: "
                                     "compute.checkpoint_activations=on"));
  EXPECT_FALSE(std::filesystem::exists(path("run")));
  const Outcome again = limited(900, whole);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("blocks are computed again in backward"));
}

// 4096 tokens at once would take 297 MB.
TEST_F(Estimate, automatic_micro_batches_fit_the_memory) {
  write_long_rows(120);
  const std::vector<std::string> words = {
      "--max-length", "256",      "--dtype", "fp32", "--checkpoint-activations",
      "off",          "--dry-run"};
  const auto tokens = [](const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;  // warns that rows are cut
    return number_behind(outcome.out, "trained parts [0-9]+ MB, ");
  };
  EXPECT_EQ(tokens(limited(900, words)), 4096.0);
  const double fewer = tokens(limited(250, words));
  EXPECT_LE(fewer, 2048.0);
  EXPECT_GE(fewer, 256.0);
}

TEST_F(Estimate, smaller_pieces_are_named_when_recomputing_is_not_enough) {
  write_long_rows(120);
  const auto with_rows = [&](int rows) {
    return limited(300, {"--micro-batch-size", std::to_string(rows),
                         "--max-length", "256", "--dtype", "fp32"});
  };
  const Outcome outcome = with_rows(120);
  EXPECT_EQ(outcome.code, 4) << outcome.err;
  const auto rows = static_cast<int>(
      number_behind(outcome.err, "training.micro_batch_size="));
  // The most that fit, not the least that can be.
  EXPECT_GT(rows, 8);
  EXPECT_EQ(with_rows(2 * rows).code, 4);
  const Outcome fitting = with_rows(rows);
  EXPECT_EQ(fitting.code, 0) << fitting.err;
}

}  // namespace
}  // namespace graft::test
