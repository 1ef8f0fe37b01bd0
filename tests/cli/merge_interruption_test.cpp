// A merge that is killed, that meets a full disk, or that another merge races:
// the final name holds a whole result or nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "cli/program.h"
#include "cli/small_model.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMegabytes = 96;

class MergeInterruption : public testing::Test {
 protected:
  MergeInterruption()
      : pair_(write_large_pair(directory_.path(), kMegabytes)),
        output_(directory_.path() / "out" / "merged") {
    fs::create_directory(output_.parent_path());
  }

  Invocation merge(std::vector<std::string> more = {}) const {
    Invocation out;
    out.args = {"merge", pair_.base, pair_.adapter, "-o", output_};
    out.args.insert(out.args.end(), more.begin(), more.end());
    return out;
  }
  void expect_whole() const {
    EXPECT_EQ(names_in(output_.parent_path()), "merged");
    expect_quiet_success(
        run_graft({"verify", pair_.base, pair_.adapter, output_}));
  }
  bool has_begun() const { return !fs::is_empty(output_.parent_path()); }

  TemporaryDirectory directory_;
  LargePair pair_;
  fs::path output_;
};

TEST_F(MergeInterruption, killed_merge_leaves_nothing_at_the_final_name) {
  RunningProgram program(merge());
  ASSERT_TRUE(program.wait_until([&] { return has_begun(); }));
  program.send(SIGKILL);
  ASSERT_EQ(program.wait().code, 128 + SIGKILL);
  EXPECT_FALSE(fs::exists(output_));
  // What is left lies under a hidden name and does not disturb the next run.
  expect_quiet_success(run_program(merge()));
  expect_quiet_success(
      run_graft({"verify", pair_.base, pair_.adapter, output_}));
}

TEST_F(MergeInterruption, killed_overwrite_keeps_the_old_result) {
  fs::create_directory(output_);
  directory_.write("out/merged/model.safetensors", "old");
  RunningProgram program(merge({"--overwrite"}));
  ASSERT_TRUE(program.wait_until(
      [&] { return names_in(output_.parent_path()) != "merged"; }));
  program.send(SIGKILL);
  ASSERT_EQ(program.wait().code, 128 + SIGKILL);
  EXPECT_EQ(bytes_of(output_ / "model.safetensors"), "old");
}

TEST_F(MergeInterruption, full_disk) {
  Invocation invocation = merge();
  invocation.largest_file = 8 << 20;
  expect_error(run_program(invocation), 4, {"write", "model.safetensors"});
  EXPECT_EQ(names_in(output_.parent_path()), "");
}

TEST_F(MergeInterruption, full_disk_keeps_the_old_result) {
  fs::create_directory(output_);
  directory_.write("out/merged/model.safetensors", "old");
  Invocation invocation = merge({"--overwrite"});
  invocation.largest_file = 8 << 20;
  expect_error(run_program(invocation), 4, {"write"});
  EXPECT_EQ(names_in(output_.parent_path()), "merged");
  EXPECT_EQ(bytes_of(output_ / "model.safetensors"), "old");
}

TEST_F(MergeInterruption, two_at_once) {
  RunningProgram first(merge());
  RunningProgram second(merge());
  const Outcome one = first.wait();
  const Outcome two = second.wait();
  EXPECT_TRUE(one.code == 0 || two.code == 0) << one.err << two.err;
  for (const Outcome& outcome : {one, two}) {
    if (outcome.code != 0) {
      EXPECT_THAT(outcome.code, testing::AnyOf(2, 4)) << outcome.err;
      EXPECT_THAT(outcome.err, testing::StartsWith("error: "));
    }
  }
  expect_whole();
}

TEST_F(MergeInterruption, two_overwriting_at_once) {
  fs::create_directory(output_);
  directory_.write("out/merged/model.safetensors", "old");
  RunningProgram first(merge({"--overwrite"}));
  RunningProgram second(merge({"--overwrite"}));
  const Outcome one = first.wait();
  const Outcome two = second.wait();
  EXPECT_TRUE(one.code == 0 || two.code == 0) << one.err << two.err;
  expect_whole();
}

}  // namespace
}  // namespace graft::test
