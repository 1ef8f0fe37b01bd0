// `graft train`, `eval` and `generate` when numbers go bad: exit code 1, the
// step and the rows, and the last good save as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/short_run.h"
#include "cli/small_model.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class Divergence : public ShortRun {
 protected:
  // Rate 0 in step 1, then so large that the weights overflow.
  Outcome diverge(const std::vector<std::string>& more) const {
    std::vector<std::string> all = {
        "--learning-rate", "3e38", "--warmup", "2", "--schedule", "constant"};
    all.insert(all.end(), more.begin(), more.end());
    return train(path("run"), all);
  }
  static void expect_divergence(const Outcome& outcome,
                                const std::vector<std::string>& parts) {
    EXPECT_EQ(outcome.code, 1) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("error: train: the "));
    EXPECT_THAT(outcome.err, HasSubstr("not finite"));
    EXPECT_THAT(outcome.err, HasSubstr("(rows "));
    EXPECT_THAT(outcome.err, Not(HasSubstr("train: train:")));
    for (const std::string& part : parts) {
      EXPECT_THAT(outcome.err, HasSubstr(part));
    }
  }
};

TEST_F(Divergence, keeps_the_last_good_save) {
  for (const char* keep : {"last", "best"}) {
    SCOPED_TRACE(keep);
    const Outcome outcome =
        diverge({"--save-every", "1", "--keep", keep, "--overwrite"});
    expect_divergence(outcome, {"step 2", "Last good save: step 1."});
    EXPECT_EQ(names_in(path("run") / "checkpoints"), "step-1");
    EXPECT_FALSE(fs::exists(path("run") / "adapter"));
    // It can be gone on from, to the same end.
    expect_divergence(
        diverge({"--save-every", "1", "--keep", keep, "--resume"}),
        {"step 2", "Last good save: step 1."});
  }
}

TEST_F(Divergence, in_the_last_step) {
  expect_divergence(diverge({"--steps", "2", "--save-every", "0"}),
                    {"after step 2", "Nothing was saved yet."});
  EXPECT_FALSE(fs::exists(path("run") / "adapter"));
  expect_divergence(
      diverge({"--steps", "2", "--save-every", "1", "--overwrite"}),
      {"after step 2", "Last good save: step 1."});
  EXPECT_FALSE(fs::exists(path("run") / "adapter"));
}

TEST_F(Divergence, of_full_training) {
  expect_divergence(
      diverge({"--method", "full", "--save-every", "1", "--steps", "3"}),
      {"step 2", "Last good save: step 1."});
  EXPECT_FALSE(fs::exists(path("run") / "model"));
}

TEST_F(Divergence, a_model_of_nans) {
  write_nan_model(path("nan"));
  const Outcome greedy =
      run_graft({"generate", path("nan"), "--prompt", "The", "--threads", "1"});
  expect_error(greedy, 1, {"generate: the logits of new token 1", "NaN"});
  EXPECT_THAT(greedy.err, Not(HasSubstr("generate: generate:")));
  const Outcome trained = run_graft(
      {"train", path("nan"), data_, "-o", path("run"), "--threads", "1"});
  expect_error(trained, 1, {"the loss of step 1 is not finite", "damaged"});
  EXPECT_THAT(trained.err, Not(HasSubstr("learning_rate")));
  expect_error(run_graft({"generate", path("nan"), "--prompt", "The",
                          "--threads", "1", "--temperature", "1"}),
               1, {"generate: the logits of new token 1", "NaN"});
  expect_error(run_graft({"eval", path("nan"), data_, "--threads", "1"}), 1,
               {"eval: the loss is not finite", data_.string()});
}

}  // namespace
}  // namespace graft::test
