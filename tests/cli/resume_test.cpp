// Training that is interrupted, killed, resumed or raced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "cli/short_run.h"
#include "cli/small_model.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_writer.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Resume : public ShortRun {
 protected:
  // Long enough to be interrupted in the middle.
  std::vector<std::string> long_words(
      const fs::path& output, std::vector<std::string> more = {}) const {
    if (std::ranges::find(more, "--steps") == more.end()) {
      more.insert(more.begin(), {"--steps", "16"});
    }
    more.insert(more.begin(),
                {"--save-every", "4", "--keep", "all", "--dropout", "0.1"});
    return words(output, more);
  }
  static bool has_steps(const fs::path& run, std::size_t count) {
    std::error_code error;
    if (!fs::exists(run / "metrics.jsonl", error)) return false;
    const std::string text = read_text(run / "metrics.jsonl");
    return static_cast<std::size_t>(std::ranges::count(text, '\n')) >= count;
  }
  // Steps 1, 2, 3, ... each once.
  static void expect_every_step_once(const fs::path& run, std::size_t steps) {
    const auto rows = metrics(run, "loss");
    ASSERT_EQ(rows.size(), steps);
    for (std::size_t i = 0; i < steps; ++i) {
      EXPECT_EQ(rows[i].at("step"), i + 1);
    }
  }
};

TEST_F(Resume, killed_run_goes_on_to_the_same_bytes) {
  expect_quiet_success(run_graft(long_words(path("whole"))));
  RunningProgram program({.args = long_words(path("cut"))});
  ASSERT_TRUE(program.wait_until([&] { return has_steps(path("cut"), 6); }));
  program.send(SIGKILL);
  ASSERT_EQ(program.wait().code, 128 + SIGKILL);
  EXPECT_FALSE(fs::exists(path("cut") / "adapter"));
  const Outcome outcome = run_graft(long_words(path("cut"), {"--resume"}));
  expect_quiet_success(outcome);
  EXPECT_THAT(outcome.err, HasSubstr("resumes  after step"));
  EXPECT_EQ(adapter_bytes(path("cut")), adapter_bytes(path("whole")));
  expect_every_step_once(path("cut"), 16);
}

TEST_F(Resume, interrupt_saves_and_says_how_to_go_on) {
  expect_quiet_success(run_graft(long_words(path("whole"))));
  const fs::path cut = path("cut in two");
  RunningProgram program({.args = long_words(cut)});
  ASSERT_TRUE(program.wait_until([&] { return has_steps(cut, 2); }));
  program.send(SIGINT);
  const Outcome outcome = program.wait();
  EXPECT_EQ(outcome.code, 130);
  EXPECT_EQ(outcome.out, "");
  const std::string marker = "Go on with: graft ";
  const std::size_t at = outcome.err.find(marker);
  ASSERT_NE(at, std::string::npos) << outcome.err;
  const std::string line = outcome.err.substr(
      at + marker.size(), outcome.err.find('\n', at) - at - marker.size());
  EXPECT_THAT(line, HasSubstr("--resume"));
  EXPECT_FALSE(fs::exists(cut / "adapter"));
  // The line works when it is pasted into a shell.
  const Outcome shell =
      run_program({.args = {"-c", std::string(GRAFT_COMMAND) + " " + line},
                   .program = "/bin/sh"});
  expect_quiet_success(shell);
  EXPECT_EQ(adapter_bytes(cut), adapter_bytes(path("whole")));
  expect_every_step_once(cut, 16);
}

TEST_F(Resume, finished_run_and_empty_run) {
  expect_quiet_success(train(path("run")));
  const std::string bytes = adapter_bytes(path("run"));
  expect_quiet_success(train(path("run"), {"--resume"}));
  EXPECT_EQ(adapter_bytes(path("run")), bytes);
  expect_every_step_once(path("run"), 6);
  expect_quiet_success(train(path("new"), {"--resume"}));
  EXPECT_EQ(adapter_bytes(path("new")), bytes);
}

TEST_F(Resume, another_run_is_refused) {
  expect_quiet_success(train(path("run")));
  const std::string bytes = adapter_bytes(path("run"));
  const auto refused = [&](const std::vector<std::string>& more,
                           const std::string& part) {
    SCOPED_TRACE(more.front());
    std::vector<std::string> words = more;
    words.push_back("--resume");
    expect_error(train(path("run"), words), 2, {"this is not the run", part});
  };
  refused({"--learning-rate", "0.1"}, "training.learning_rate");
  refused({"--rank", "8"}, "adapter.rank");
  refused({"--seed", "1"}, "compute.seed");
  refused({"--threads", "2"}, "compute.threads");
  refused({"--dtype", "fp32"}, "compute.dtype");
  const std::string rows = bytes_of(data_);
  directory_.write("data.jsonl", rows + rows);
  refused({"--steps", "6"}, "data.train");
  EXPECT_EQ(adapter_bytes(path("run")), bytes);
}

TEST_F(Resume, damaged_state_is_a_bad_file) {
  expect_quiet_success(train(path("run"), {"--steps", "2"}));
  const fs::path state = path("run") / "checkpoints" / "step-2";
  for (const char* name : {"state.json", "state.safetensors"}) {
    const std::string good = bytes_of(state / name);
    const std::string file = "run/checkpoints/step-2/" + std::string(name);
    directory_.write(file, good.substr(0, good.size() / 2));
    expect_error(train(path("run"), {"--steps", "2", "--resume"}), 3,
                 {(state / name).string()});
    directory_.write(file, good);
  }
}

// One wins; the other is refused, or waits and finds a finished run.
TEST_F(Resume, two_runs_into_one_output) {
  RunningProgram first({.args = long_words(path("run"))});
  RunningProgram second({.args = long_words(path("run"))});
  const Outcome one = first.wait();
  const Outcome two = second.wait();
  EXPECT_EQ(std::min(one.code, two.code), 0) << one.err << two.err;
  EXPECT_EQ(std::max(one.code, two.code), 2) << one.err << two.err;
  expect_every_step_once(path("run"), 16);
}

TEST_F(Resume, a_run_that_goes_on_is_not_resumed_twice) {
  RunningProgram first({.args = long_words(path("run"), {"--steps", "40"})});
  ASSERT_TRUE(first.wait_until([&] { return has_steps(path("run"), 5); }));
  expect_error(
      run_graft(long_words(path("run"), {"--steps", "40", "--resume"})), 2,
      {path("run").string()});
  expect_quiet_success(first.wait());
  expect_every_step_once(path("run"), 40);
}

TEST_F(Resume, full_disk) {
  Invocation invocation{.args = words(path("run"))};
  invocation.largest_file = 50 << 10;
  expect_error(run_program(invocation), 4, {path("run").string()});
  EXPECT_EQ(names_in(path("run") / "checkpoints"), "");
}

// A base whose weights hold a NaN: the loss of the first step says so.
TEST_F(Resume, not_a_number_stops_with_the_step) {
  link_tiny_model(path("model"));
  std::string bytes = bytes_of(tiny_model() / "model.safetensors");
  bytes[bytes.size() - 1] = '\x7f';  // BF16, little endian: 0x7fff
  bytes[bytes.size() - 2] = '\xff';
  fs::remove(path("model") / "model.safetensors");
  directory_.write("model/model.safetensors", bytes);
  std::vector<std::string> line = words(path("run"));
  line[1] = path("model");
  const Outcome outcome = run_graft(line);
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("step 1"));
  EXPECT_THAT(outcome.err, HasSubstr("not finite"));
  EXPECT_THAT(outcome.err, HasSubstr("Nothing was saved"));
  EXPECT_FALSE(fs::exists(path("run") / "adapter"));
}

}  // namespace
}  // namespace graft::test
