// `graft logits` with inputs and outputs that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cli/golden_tensors.h"
#include "cli/program.h"
#include "cli/small_model.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_writer.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Logits : public testing::Test {
 protected:
  fs::path input() const { return directory_.path() / "in.safetensors"; }
  fs::path output() const { return directory_.path() / "out.safetensors"; }

  Outcome run(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"logits",    tiny_model(), "--input",
                                      input(),     "--output",   output(),
                                      "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return run_graft(std::move(words));
  }
  void expect_refused(const std::vector<TokenTensor>& tensors,
                      const std::vector<std::string>& parts) const {
    SCOPED_TRACE(parts.front());
    write_token_file(input(), tensors);
    expect_error(run(), 3, parts);
    EXPECT_EQ(names_in(directory_.path()), "in.safetensors");
  }

  TemporaryDirectory directory_;
};

TEST_F(Logits, writes_logits_and_loss) {
  write_token_file(input(), {{"input_ids", {2, 3}, {5, 6, 7, 8, 9, 10}},
                             {"labels", {2, 3}, {5, 6, 7, -100, -100, 10}}});
  const Outcome outcome = run();
  expect_quiet_success(outcome);
  EXPECT_EQ(outcome.out, "");
  const SafetensorsFile file = SafetensorsFile::open(output());
  ASSERT_EQ(file.entries().size(), 2u);
  const HostTensor logits = file.tensor(*file.find_or_null("logits"));
  EXPECT_EQ(logits.shape, (std::vector<std::int64_t>{2, 3, 1024}));
  for (const float value : logits.to_floats()) {
    ASSERT_TRUE(std::isfinite(value));
  }
  const std::string first = bytes_of(output());
  expect_quiet_success(run());  // the same bytes over the old file
  EXPECT_EQ(bytes_of(output()), first);
}

TEST_F(Logits, tensors_that_are_wrong) {
  const TokenTensor ids{"input_ids", {1, 3}, {5, 6, 7}};
  expect_refused({{"ids", {1, 3}, {5, 6, 7}}}, {"input_ids", "no such tensor"});
  expect_refused({{"input_ids", {3}, {5, 6, 7}}}, {"input_ids", "[3]"});
  expect_refused({{"input_ids", {1, 0}, {}}}, {"input_ids", "[1, 0]"});
  expect_refused({{"input_ids", {0, 4}, {}}}, {"input_ids", "[0, 4]"});
  expect_refused({{"input_ids", {1, 1, 3}, {5, 6, 7}}}, {"input_ids"});
  expect_refused({{"input_ids", {1, 3}, {5, 1024, 7}}},
                 {"input_ids at row 0, token 1", "1024", "0..1023"});
  expect_refused({{"input_ids", {1, 3}, {5, 6, -1}}},
                 {"input_ids at row 0, token 2", "-1"});
  expect_refused({ids, {"labels", {1, 2}, {5, 6}}}, {"labels", "[1, 2]"});
  expect_refused({ids, {"labels", {1, 3}, {5, 4096, 6}}},
                 {"labels at row 0, token 1", "4096"});
  expect_refused({ids, {"labels", {1, 3}, {5, -99, 6}}}, {"labels", "-99"});
  expect_refused({ids, {"attention_mask", {3}, {1, 1, 1}}},
                 {"attention_mask", "[3]"});
  expect_refused({ids, {"attention_mask", {1, 3}, {1, 7, 1}}},
                 {"attention_mask at row 0, token 1", "got 7", "0 or 1"});
  expect_refused({ids, {"attention_mask", {1, 3}, {1, 1, -1}}},
                 {"attention_mask at row 0, token 2", "got -1"});
  expect_refused({ids, {"position_ids", {1, 3}, {0, 1, -5}}},
                 {"position_ids at row 0, token 2", "got -5"});
}

// A forged position must cost no memory.
TEST_F(Logits, position_far_away) {
  write_token_file(input(),
                   {{"input_ids", {1, 3}, {5, 6, 7}},
                    {"position_ids", {1, 3}, {0, 1, std::int64_t{1} << 40}}});
  const Outcome outcome = run();
  expect_memory_below(outcome, 1024);
  expect_error(outcome, 3,
               {"position_ids at row 0, token 2", "1099511627776", "2^24"});
}

// As transformers: angles are computed for any position.
TEST_F(Logits, positions_beyond_the_models_length_warn) {
  const auto logits = [&](std::int64_t last) {
    write_token_file(input(), {{"input_ids", {1, 3}, {5, 6, 7}},
                               {"position_ids", {1, 3}, {0, 1, last}}});
    return run();
  };
  expect_quiet_success(logits(255));
  for (const std::int64_t last : {256, (1 << 24) - 1}) {
    const Outcome outcome = logits(last);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    expect_memory_below(outcome, 1024);
    ASSERT_EQ(warnings_of(outcome).size(), 1u);
    EXPECT_THAT(outcome.err,
                HasSubstr("position_ids reach " + std::to_string(last) +
                          ", beyond max_position_embeddings 256"));
  }
}

TEST_F(Logits, wrong_types) {
  const std::vector<float> values = {5, 6, 7};
  save_safetensors(input(),
                   {{"input_ids", HostTensor::from_floats({1, 3}, values)}});
  expect_error(run(), 3, {"input_ids", "F32", "I64"});
  EXPECT_FALSE(fs::exists(output()));
}

TEST_F(Logits, unused_tensors_are_named) {
  write_token_file(input(), {{"input_ids", {1, 2}, {5, 6}},
                             {"token_type_ids", {1, 2}, {0, 0}}});
  const Outcome outcome = run();
  EXPECT_EQ(outcome.code, 0);
  ASSERT_EQ(warnings_of(outcome).size(), 1u);
  EXPECT_THAT(outcome.err, HasSubstr("token_type_ids"));
}

// Rotation goes on beyond max_position_embeddings, as in transformers.
TEST_F(Logits, more_tokens_than_the_model_has_positions) {
  write_token_file(
      input(), {{"input_ids", {1, 300}, std::vector<std::int64_t>(300, 5)}});
  const Outcome outcome = run();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_EQ(warnings_of(outcome).size(), 1u);
  EXPECT_THAT(outcome.err, HasSubstr("input_ids has 300 tokens, beyond "
                                     "max_position_embeddings 256"));
  write_token_file(
      input(), {{"input_ids", {1, 256}, std::vector<std::int64_t>(256, 5)}});
  expect_quiet_success(run());
}

TEST_F(Logits, input_files_that_are_none) {
  expect_error(run(), 3, {input().string()});
  fs::create_directory(input());
  expect_error(run(), 3, {input().string()});
  fs::remove(input());
  write_token_file(input(), {{"input_ids", {1, 3}, {5, 6, 7}}});
  const std::string good = bytes_of(input());
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{60}, good.size() - 1}) {
    directory_.write("in.safetensors", good.substr(0, size));
    expect_error(run(), 3, {input().string()});
  }
  EXPECT_EQ(names_in(directory_.path()), "in.safetensors");
}

TEST_F(Logits, output_that_cannot_be_written) {
  write_token_file(input(),
                   {{"input_ids", {1, 64}, std::vector<std::int64_t>(64, 5)}});
  Invocation invocation;
  invocation.args = {"logits", tiny_model(), "--input",
                     input(),  "--output",   output()};
  invocation.largest_file = 4096;
  expect_error(run_program(invocation), 4, {output().string()});
  EXPECT_EQ(names_in(directory_.path()), "in.safetensors");
  invocation.largest_file.reset();
  invocation.args.back() = directory_.path() / "no" / "such" / "y";
  expect_error(run_program(invocation), 4, {"/no/such/"});
  fs::create_directory(output());
  invocation.args.back() = output();
  expect_error(run_program(invocation), 4, {output().string()});
  EXPECT_EQ(names_in(directory_.path()), "in.safetensors out.safetensors");
}

TEST_F(Logits, settings) {
  write_token_file(input(), {{"input_ids", {1, 3}, {5, 6, 7}}});
  const Outcome native = run({"--set", "compute.dtype=native"});
  EXPECT_EQ(native.code, 0) << native.err;
  EXPECT_THAT(native.err, HasSubstr("bf16"));
  expect_error(run({"--set", "compute.dtype=int3"}), 2, {"compute.dtype"});
  expect_error(run({"--set", "compute.dtipe=fp32"}), 2,
               {"unknown key 'compute.dtipe'", "compute.dtype"});
  expect_error(run({"--set", "torch_dtype=float16"}), 2, {"compute.dtype"});
  expect_error(run({"--set", "nonsense"}), 2, {"key=value"});
  for (const char* key : {"training.steps", "adapter.rank", "data.max_length",
                          "compute.seed", "method"}) {
    expect_error(run({"--set", std::string(key) + "=1"}), 2,
                 {"'" + std::string(key) + "' means nothing to graft logits"});
  }
  expect_error(run({"--threads", "0"}), 2, {"threads"});
  expect_error(run({"--device", "tpu"}), 2, {"device"});
}

}  // namespace
}  // namespace graft::test
