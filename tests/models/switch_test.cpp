// The switches of the GPT on tiny random models: whatever is on, caches,
// packed rows, padding and recomputation give the same numbers. Their values
// against transformers are tested in checkpoint.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graft/models/gpt_memory.h"
#include "support/tiny_gpt.h"

namespace graft {
namespace {

using test::distance;
using test::input_of;
using test::some_ids;

struct Switch {
  const char* name;
  std::function<void(GptConfig&)> set;
};

std::vector<Switch> switches() {
  return {
      {"qkv bias alone",
       [](GptConfig& c) {
         c.attention_bias = false;
         c.qkv_bias = true;
       }},
      {"window",
       [](GptConfig& c) {
         c.sliding_window = 3;
         c.layer_kinds = {{true, true, false}, {false, true, false}};
       }},
      {"soft caps",
       [](GptConfig& c) {
         c.attention_soft_cap = 1.5;
         c.logit_soft_cap = 2.0;
       }},
      {"query and embedding scale",
       [](GptConfig& c) {
         c.attention_scale = 0.2;
         c.embedding_scale = 3.0;
       }},
      {"head norms", [](GptConfig& c) { c.norms.of_heads = true; }},
      {"query norms", [](GptConfig& c) { c.norms.of_queries = true; }},
      {"four zero-centred norms",
       [](GptConfig& c) {
         c.norms.behind = true;
         c.norms.offset = 1;
       }},
      {"norms behind alone",
       [](GptConfig& c) {
         c.norms.before = false;
         c.norms.behind = true;
       }},
      {"no rope, and a part of it",
       [](GptConfig& c) {
         c.layer_kinds = {{false, false, false}, {false, true, false}};
         c.rotary.inverse_frequencies = {1.F, 0.1F, 0.01F};
       }},
      {"own rope of sliding layers",
       [](GptConfig& c) {
         c.sliding_window = 50;
         c.sliding_rotary = RotarySpec{{1.F, 0.2F, 0.1F, 0.02F}};
         c.layer_kinds = {{true, true, false}, {false, true, false}};
       }},
      {"another gate", [](GptConfig& c) { c.gate = nn::Gate::kGeluTanh; }},
      {"experts",
       [](GptConfig& c) {
         c.experts = {3, 2, 12, true, true};
         c.layer_kinds = {{false, true, true}, {false, true, false}};
       }},
  };
}

std::vector<std::int64_t> special_shape(const GptConfig& config,
                                        const std::string& name) {
  const std::int64_t experts = config.experts.count;
  if (name.ends_with("router.weight")) return {experts, 24};
  if (name.ends_with("experts.linear_fc1.weight")) return {experts * 24, 24};
  if (name.ends_with("experts.linear_fc2.weight")) return {experts * 24, 12};
  const bool whole = config.norms.of_queries;
  if (name.ends_with("q_layernorm.weight")) return {whole ? 32 : 8};
  if (name.ends_with("k_layernorm.weight")) return {whole ? 16 : 8};
  return {};
}

GptConfig config_with(const Switch& one) {
  GptConfig config = test::tiny_config(false);
  one.set(config);
  return config;
}

std::shared_ptr<nn::CausalLm> make_model(const GptConfig& config) {
  const WeightSource usual = test::random_source(at::kFloat);
  const WeightSource source = [&](const std::string& name) {
    const auto shape = special_shape(config, name);
    if (shape.empty()) return usual(name);
    at::manual_seed(std::hash<std::string>{}(name) % 1000);
    return std::vector<nn::WeightBlock>{{at::randn(shape).mul_(0.4), nullptr}};
  };
  return make_gpt(config, source, {});
}

template <typename Check>
void for_each_switch(Check check) {
  for (const Switch& one : switches()) {
    SCOPED_TRACE(one.name);
    const GptConfig config = config_with(one);
    const auto model = make_model(config);
    check(config, *model);
  }
}

TEST(GptSwitches, each_changes_the_result) {
  const at::NoGradGuard no_grad;
  const at::Tensor ids = some_ids(2, 9);
  const at::Tensor plain = test::tiny_model()->forward_logits(input_of(ids));
  for_each_switch([&](const GptConfig&, nn::CausalLm& model) {
    const at::Tensor got = model.forward_logits(input_of(ids));
    EXPECT_TRUE(at::isfinite(got).all().item<bool>());
    EXPECT_GT(distance(got, plain), 1e-3);
  });
}

TEST(GptSwitches, cache_gives_the_same_logits) {
  const at::NoGradGuard no_grad;
  const at::Tensor ids = some_ids(2, 9);
  for_each_switch([&](const GptConfig&, nn::CausalLm& model) {
    const at::Tensor want = model.forward_logits(input_of(ids));
    const auto cache = model.make_cache(2, 9);
    std::vector<at::Tensor> parts;
    for (const std::int64_t count : {2, 1, 5, 1}) {
      nn::LmInput input = input_of(ids.narrow(1, cache->length(), count));
      input.cache = cache.get();
      parts.push_back(model.forward_logits(input));
    }
    EXPECT_LT(distance(at::cat(parts, 1), want), 2e-5);
  });
}

TEST(GptSwitches, packed_and_padded_rows_are_rows_of_their_own) {
  const at::NoGradGuard no_grad;
  const at::Tensor ids = some_ids(1, 11);
  const at::Tensor a = ids.narrow(1, 0, 4);
  const at::Tensor b = ids.narrow(1, 4, 7);
  for_each_switch([&](const GptConfig&, nn::CausalLm& model) {
    const at::Tensor want_a = model.forward_logits(input_of(a));
    const at::Tensor want_b = model.forward_logits(input_of(b));
    nn::LmInput packed = input_of(ids);
    packed.segments = {4, 7};
    const at::Tensor got = model.forward_logits(packed);
    EXPECT_LT(distance(got.narrow(1, 0, 4), want_a), 2e-5);
    EXPECT_LT(distance(got.narrow(1, 4, 7), want_b), 2e-5);
    const at::Tensor pad = at::zeros({1, 3}, at::kLong);
    nn::LmInput padded = input_of(
        at::cat({pad, a}, 1), at::cat({pad, at::ones({1, 4}, at::kLong)}, 1));
    padded.position_ids = at::cat({pad, at::arange(4).unsqueeze(0)}, 1);
    EXPECT_LT(distance(model.forward_logits(padded).narrow(1, 3, 4), want_a),
              2e-5);
  });
}

std::vector<at::Tensor> gradients(nn::CausalLm& model, const at::Tensor& ids) {
  std::vector<at::Tensor> parameters = model.parameters();
  const at::Tensor loss = model.loss_sum(model.hidden(input_of(ids)), ids);
  return torch::autograd::grad({loss}, parameters, {}, false, false, true);
}

TEST(GptSwitches, recomputed_layers_give_the_same_gradients) {
  const at::Tensor ids = some_ids(2, 8);
  for_each_switch([&](const GptConfig& config, nn::CausalLm& model) {
    model.make_trainable();
    const auto want = gradients(model, ids);
    model.set_checkpoint_activations(true);
    const auto got = gradients(model, ids);
    std::int64_t elements = 0;
    for (const at::Tensor& parameter : model.parameters()) {
      elements += parameter.numel();
    }
    EXPECT_EQ(gpt_parameters(config), elements);
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(want[i].defined(), got[i].defined());
      if (!want[i].defined()) continue;
      EXPECT_LT(distance(want[i], got[i]), 1e-5);
    }
  });
}

}  // namespace
}  // namespace graft
