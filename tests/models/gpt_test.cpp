// The GPT on a tiny random model: tree, padding, cache, loss paths, training,
// refusals. Its numbers against transformers are tested in checkpoint.
#include "graft/models/gpt.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "support/tiny_gpt.h"

namespace graft {
namespace {

using test::distance;
using test::input_of;
using test::random_source;
using test::some_ids;
using test::tiny_config;
using test::tiny_model;

TEST(Gpt, has_megatrons_tree) {
  const auto model = tiny_model();
  std::vector<std::string> paths;
  for (const auto& item : model->named_modules("", false)) {
    paths.push_back(item.key());
  }
  const std::string layer = "decoder.layers.0";
  const std::vector<std::string> start = {
      "embedding",
      "embedding.word_embeddings",
      "decoder",
      "decoder.layers",
      layer,
      layer + ".input_layernorm",
      layer + ".self_attention",
      layer + ".self_attention.linear_qkv",
      layer + ".self_attention.core_attention",
      layer + ".self_attention.linear_proj",
      layer + ".pre_mlp_layernorm",
      layer + ".mlp",
      layer + ".mlp.linear_fc1",
      layer + ".mlp.linear_fc2"};
  ASSERT_EQ(paths.size(), 26U);
  paths.resize(start.size());
  EXPECT_EQ(paths, start);
  EXPECT_FALSE(model->is_training());
  for (const at::Tensor& parameter : model->parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
  }
}

TEST(Gpt, real_tokens_do_not_see_padding) {
  const auto model = tiny_model();
  const at::NoGradGuard no_grad;
  const at::Tensor ids = some_ids(2, 6);
  const at::Tensor plain = model->forward_logits(input_of(ids));
  const at::Tensor pad = at::zeros({2, 3}, at::kLong);
  const at::Tensor ones = at::ones({2, 6}, at::kLong);
  const at::Tensor right = model->forward_logits(
      input_of(at::cat({ids, pad}, 1), at::cat({ones, pad}, 1)));
  EXPECT_LT(distance(right.narrow(1, 0, 6), plain), 1e-5);
  nn::LmInput left = input_of(at::cat({pad, ids}, 1), at::cat({pad, ones}, 1));
  left.position_ids = at::cat({pad, at::arange(6).expand({2, 6})}, 1);
  const at::Tensor shifted = model->forward_logits(left);
  EXPECT_LT(distance(shifted.narrow(1, 3, 6), plain), 1e-5);
  EXPECT_TRUE(at::isfinite(shifted).all().item<bool>());
}

TEST(Gpt, a_row_of_padding_poisons_nothing) {
  const auto model = tiny_model();
  model->make_trainable();
  at::Tensor mask = at::ones({2, 6}, at::kLong);
  mask[0].zero_();
  mask[1].narrow(0, 0, 2).zero_();
  at::Tensor labels = some_ids(2, 6);
  labels[0].fill_(-100);
  const at::Tensor hidden = model->hidden(input_of(some_ids(2, 6), mask));
  model->loss_sum(hidden, labels).backward();
  for (const auto& item : model->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(at::isfinite(item.value().grad()).all().item<bool>())
        << item.key();
  }
}

TEST(Gpt, cache_gives_the_same_logits) {
  const auto model = tiny_model();
  const at::NoGradGuard no_grad;
  const at::Tensor ids = some_ids(2, 7);
  at::Tensor mask = at::ones({2, 7}, at::kLong);
  mask[1][0] = 0;
  const at::Tensor want = model->forward_logits(input_of(ids, mask));
  const auto cache = model->make_cache(2, 7);
  std::vector<at::Tensor> parts;
  for (const std::int64_t count : {3, 1, 2, 1}) {
    const std::int64_t begin = cache->length();
    nn::LmInput input =
        input_of(ids.narrow(1, begin, count), mask.narrow(1, 0, begin + count));
    input.cache = cache.get();
    parts.push_back(model->forward_logits(input));
  }
  EXPECT_EQ(cache->length(), 7);
  const at::Tensor got = at::cat(parts, 1);
  EXPECT_LT(distance(got[0], want[0]), 1e-5);
  EXPECT_LT(distance(got[1].narrow(0, 1, 6), want[1].narrow(0, 1, 6)), 1e-5);
  nn::LmInput more = input_of(ids.narrow(1, 0, 1));
  more.cache = cache.get();
  EXPECT_THROW(model->hidden(more), ConfigError);
}

class PlainOp : public nn::LinearOp {
 public:
  at::Tensor forward(const nn::LinearSlot& slot,
                     const nn::LinearInput& x) override {
    return slot.base_forward(x.value);
  }
};

TEST(Gpt, loss_is_the_same_on_every_path) {
  const auto model = tiny_model();
  at::Tensor labels = some_ids(2, 6);
  labels[0].narrow(0, 0, 3).fill_(-100);
  const at::Tensor hidden = at::randn({2, 6, 24}).requires_grad_(true);
  const auto run = [&] {
    hidden.mutable_grad().reset();
    const at::Tensor loss = model->loss_sum(hidden, labels);
    loss.backward();
    return std::make_pair(loss.item<double>(), hidden.grad().clone());
  };
  const auto chunked = run();
  const auto head = std::dynamic_pointer_cast<nn::LinearSlot>(
      model->named_modules("", false)["output_layer"]);
  head->set_op(std::make_shared<PlainOp>());
  const auto plain = run();
  const at::Tensor logits =
      model->logits(hidden.detach()).narrow(1, 0, 5).reshape({-1, 31});
  const at::Tensor want = at::cross_entropy_loss(
      logits, labels.narrow(1, 1, 5).reshape({-1}), {}, at::Reduction::Sum);
  EXPECT_NEAR(chunked.first, want.item<double>(), 1e-4);
  EXPECT_NEAR(plain.first, want.item<double>(), 1e-4);
  EXPECT_LT(distance(chunked.second, plain.second), 1e-5);
}

TEST(Gpt, loss_of_no_labels_is_zero_and_trains_nothing) {
  const auto model = tiny_model();
  const at::Tensor hidden = at::randn({1, 4, 24}).requires_grad_(true);
  const at::Tensor loss =
      model->loss_sum(hidden, at::full({1, 4}, -100, at::kLong));
  EXPECT_EQ(loss.item<float>(), 0.F);
  loss.backward();
  EXPECT_EQ(hidden.grad().abs().max().item<float>(), 0.F);
  EXPECT_THROW(model->loss_sum(hidden, at::full({1, 4}, 31, at::kLong)),
               ConfigError);
}

TEST(Gpt, training_a_tied_model_has_one_shared_parameter) {
  const auto model = tiny_model(true);
  const at::Tensor ids = some_ids(1, 5);
  const at::Tensor before = model->forward_logits(input_of(ids));
  model->make_trainable();
  const auto parameters = model->named_parameters();
  EXPECT_EQ(parameters.find("output_layer.weight"), nullptr);
  const at::Tensor words = parameters["embedding.word_embeddings.weight"];
  const at::Tensor after = model->forward_logits(input_of(ids));
  EXPECT_LT(distance(before, after), 1e-5);
  after.sum().backward();
  EXPECT_TRUE(words.grad().defined());
  {
    const at::NoGradGuard no_grad;
    words.zero_();
  }
  EXPECT_EQ(model->forward_logits(input_of(ids)).abs().max().item<float>(),
            0.F);
}

TEST(Gpt, frozen_rerun_gives_the_same_bits) {
  const auto model = make_gpt(tiny_config(false), random_source(at::kBFloat16),
                              {nn::ComputeMode::kFp32});
  const at::Tensor ids = some_ids(2, 9);
  EXPECT_TRUE(at::equal(model->forward_logits(input_of(ids)),
                        model->forward_logits(input_of(ids))));
}

TEST(Gpt, refuses_input_that_does_not_fit) {
  const auto model = tiny_model();
  const at::Tensor ids = some_ids(2, 4);
  EXPECT_THROW(model->hidden(input_of(ids[0])), ConfigError);
  EXPECT_THROW(model->hidden(input_of(ids, at::ones({2, 5}, at::kLong))),
               ConfigError);
  nn::LmInput input = input_of(ids);
  input.position_ids = at::zeros({1, 4}, at::kLong);
  EXPECT_THROW(model->hidden(input), ConfigError);
  const auto cache = model->make_cache(1, 8);
  nn::LmInput cached = input_of(ids);
  cached.cache = cache.get();
  EXPECT_THROW(model->hidden(cached), ConfigError);
}

TEST(Gpt, refuses_tensors_of_another_shape) {
  const WeightSource good = random_source(at::kFloat);
  for (const std::string name :
       {"linear_fc1.weight", "final_layernorm.weight"}) {
    const WeightSource bad = [&](const std::string& asked) {
      std::vector<nn::WeightBlock> blocks = good(asked);
      if (asked.ends_with(name)) {
        blocks.push_back({at::ones_like(blocks[0].weight), nullptr});
      }
      return blocks;
    };
    EXPECT_THROW(make_gpt(tiny_config(false), bad, {}), ConfigError) << name;
  }
}

}  // namespace
}  // namespace graft
