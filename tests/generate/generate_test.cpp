// Decoding on a model that needs one token of context.
#include "graft/generate/generate.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "graft/base/error.h"
#include "train/tiny_lm.h"

namespace graft {
namespace {

using test::TinyLm;
using Prompts = std::vector<std::vector<std::int64_t>>;
using ::testing::ElementsAre;
using ::testing::SizeIs;

std::int64_t next_token(TinyLm& model, std::int64_t token) {
  const at::NoGradGuard no_gradient;
  return model
      .forward_logits(
          {.input_ids = at::tensor({token}, at::kLong).view({1, 1})})
      .argmax()
      .item<std::int64_t>();
}

TEST(Generate, greedy_follows_the_most_likely_token) {
  TinyLm model;
  const auto out = generate(model, Prompts{{1, 4}}, {.max_new_tokens = 3});
  const std::int64_t first = next_token(model, 4);
  const std::int64_t second = next_token(model, first);
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_THAT(out[0].tokens,
              ElementsAre(first, second, next_token(model, second)));
  EXPECT_FALSE(out[0].stopped);
}

TEST(Generate, a_padded_batch_gives_what_single_prompts_give) {
  TinyLm model;
  const Prompts prompts{{5}, {1, 2, 3}, {7, 8}};
  const auto together = generate(model, prompts, {.max_new_tokens = 5});
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(
        together[i].tokens,
        generate(model, Prompts{prompts[i]}, {.max_new_tokens = 5})[0].tokens);
  }
}

TEST(Generate, stop_tokens_end_a_row_and_are_left_out) {
  TinyLm model;
  const std::int64_t first = next_token(model, 4);
  const std::int64_t second = next_token(model, first);
  GenerateOptions options;
  options.stop_tokens = {second};
  const auto out = generate(model, Prompts{{4}}, options);
  EXPECT_TRUE(out[0].stopped);
  if (first != second) {
    EXPECT_THAT(out[0].tokens, ElementsAre(first));
  } else {
    EXPECT_THAT(out[0].tokens, SizeIs(0));
  }
}

TEST(Generate, ends_where_the_positions_end) {
  TinyLm model;
  const auto out = generate(model, Prompts{std::vector<std::int64_t>(60, 1)},
                            {.max_new_tokens = 50});
  EXPECT_THAT(out[0].tokens, SizeIs(5));
}

TEST(Generate, tokens_are_told_as_they_come_and_cancelling_ends) {
  TinyLm model;
  std::vector<std::int64_t> told;
  GenerateOptions options;
  options.on_token = [&](std::size_t, std::int64_t token) {
    told.push_back(token);
    if (told.size() == 2) options.cancellation.cancel();
  };
  const auto out = generate(model, Prompts{{3}}, options);
  EXPECT_EQ(out[0].tokens, told);
  EXPECT_THAT(told, SizeIs(2));
}

TEST(Generate, refuses_bad_options) {
  TinyLm model;
  EXPECT_THROW(generate(model, Prompts(1), {}), ConfigError);
  EXPECT_THROW(generate(model, Prompts{{1}}, {.max_new_tokens = 0}),
               ConfigError);
  EXPECT_THROW(
      generate(model, Prompts{{1}}, {.sampling = {.temperature = -1.0}}),
      ConfigError);
  EXPECT_THROW(generate(model, Prompts{{1}}, {.sampling = {.top_p = 0.0}}),
               ConfigError);
  EXPECT_THROW(generate(model, Prompts{{1}}, {.sampling = {.top_k = -1}}),
               ConfigError);
  EXPECT_THROW(generate(model, Prompts{std::vector<std::int64_t>(65, 1)}, {}),
               ConfigError);
}

TEST(Generate, refuses_ids_beyond_the_embedding) {
  TinyLm model;
  for (const std::int64_t id : {model.vocab_size(), std::int64_t{-1}}) {
    try {
      generate(model, Prompts{{1}, {2, id}}, {});
      ADD_FAILURE() << id;
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(),
                  ::testing::HasSubstr("id " + std::to_string(id)));
    }
  }
}

TEST(Generate, stop_after_ends_one_prompt_and_keeps_the_token) {
  TinyLm model;
  const Prompts prompts{{4}, {5}};
  const auto whole = generate(model, prompts, {.max_new_tokens = 4});
  GenerateOptions options{.max_new_tokens = 4};
  std::size_t asked = 0;
  options.stop_after = [&](std::size_t prompt, std::int64_t) {
    asked += prompt == 0;
    return prompt == 0 && asked == 2;
  };
  const auto out = generate(model, prompts, options);
  EXPECT_TRUE(out[0].stopped);
  EXPECT_THAT(out[0].tokens,
              ElementsAre(whole[0].tokens[0], whole[0].tokens[1]));
  EXPECT_FALSE(out[1].stopped);
  EXPECT_EQ(out[1].tokens, whole[1].tokens);
}

TEST(Generate, logits_that_are_not_finite_are_an_error) {
  for (const double bad : {static_cast<double>(NAN), HUGE_VAL}) {
    TinyLm model;
    {
      const at::NoGradGuard no_grad;
      // One of the two gives plus infinity, whatever the hidden value's sign.
      const at::Tensor head = model.named_parameters()["head"];
      head[0][0].fill_(bad);
      head[1][0].fill_(-bad);
    }
    for (const double temperature : {0.0, 1.0}) {
      try {
        generate(model, Prompts{{4}},
                 {.sampling = {.temperature = temperature}});
        FAIL() << "no error";
      } catch (const ConfigError&) {
        FAIL() << "the caller is blamed";
      } catch (const Error& error) {
        EXPECT_THAT(error.what(),
                    testing::HasSubstr("generate: the logits of new token 1"));
      }
    }
  }
}

std::map<std::int64_t, int> draw_many(const SamplingOptions& options) {
  const at::Tensor logits = at::log(at::tensor({0.5, 0.3, 0.15, 0.05}));
  std::map<std::int64_t, int> counts;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    ++counts[choose_token(logits, options, i)];
  }
  return counts;
}

TEST(ChooseToken, frequencies_follow_the_options) {
  auto plain = draw_many({.temperature = 1.0});
  EXPECT_NEAR(plain[0] / 4000.0, 0.5, 0.03);
  EXPECT_NEAR(plain[3] / 4000.0, 0.05, 0.02);
  auto top_k = draw_many({.temperature = 1.0, .top_k = 2});
  EXPECT_NEAR(top_k[0] / 4000.0, 0.625, 0.03);
  EXPECT_EQ(top_k.size(), 2U);
  auto top_p = draw_many({.temperature = 1.0, .top_p = 0.7});
  EXPECT_EQ(top_p.size(), 2U);
  EXPECT_EQ(draw_many({.temperature = 0.0}).size(), 1U);
  EXPECT_EQ(draw_many({.temperature = 1.0}), plain);
}

}  // namespace
}  // namespace graft
