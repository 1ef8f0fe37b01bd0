// Models with experts: adapters on experts and routers in recomputed blocks,
// and the load-balancing loss against its formula under plain autograd.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <map>
#include <string>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"
#include "models/expert_rows_internal.h"
#include "models/router_balance_internal.h"
#include "support/tiny_gpt.h"

namespace graft {
namespace {

using test::distance;
using test::input_of;
using test::some_ids;
using test::tiny_expert_model;

// Adapters on everything but the head; B is not zero.
void adapt(nn::CausalLm& model, double dropout) {
  Lora method;
  method.target_modules = {{"all-linear", "router"}};
  method.dim = 2;
  method.dropout = dropout;
  method.apply(model);
  const at::NoGradGuard no_grad;
  for (const LiveAdapter& adapter : adapters_of(model)) {
    at::Tensor b = adapter.b;
    b.copy_(at::linspace(-0.3, 0.4, b.numel()).view(b.sizes()));
  }
}

using Gradients = std::map<std::string, at::Tensor>;

// `factor`: of the load-balancing loss; 0: none.
Gradients gradients_of(nn::CausalLm& model, double factor) {
  set_dropout_counter(model, {.seed = 4, .step = 7, .micro_batch = 1});
  const at::Tensor ids = some_ids(2, 9);
  const at::Tensor mask = at::ones_like(ids);
  mask[1].narrow(0, 6, 3).fill_(0);
  model.set_router_loss(factor > 0);
  const at::Tensor loss =
      model.loss_sum(model.hidden(input_of(ids, mask)), ids);
  Gradients out{{"loss", loss.detach()}};
  if (factor > 0) out["balance"] = model.router_loss(factor);
  loss.backward();
  for (const auto& item : model.named_parameters()) {
    if (!item.value().grad().defined()) continue;
    out[item.key()] = item.value().grad().clone();
    item.value().mutable_grad().reset();
  }
  return out;
}

void expect_equal(const Gradients& a, const Gradients& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
  }
}

TEST(ExpertModel, recomputed_blocks_have_the_same_bits) {
  for (const double dropout : {0.0, 0.3}) {
    for (const double factor : {0.0, 5.0}) {
      const auto model = tiny_expert_model();
      adapt(*model, dropout);
      const Gradients kept = gradients_of(*model, factor);
      EXPECT_EQ(kept.size(), 1 + (factor > 0) + 2U * 2U * 5U);
      model->set_checkpoint_activations(true);
      expect_equal(kept, gradients_of(*model, factor));
    }
  }
}

// The formula of transformers, written with one-hot choices.
at::Tensor formula(const std::vector<at::Tensor>& probabilities,
                   const std::vector<at::Tensor>& chosen,
                   const at::Tensor& weights) {
  const at::Tensor all = at::cat(probabilities);
  const at::Tensor masks =
      at::one_hot(at::cat(chosen), all.size(1)).to(at::kFloat);
  const at::Tensor w =
      weights.repeat({static_cast<std::int64_t>(chosen.size())});
  const at::Tensor f =
      (masks * w.view({-1, 1, 1})).sum(0) / w.sum();  // (k, experts)
  const at::Tensor p = (all * w.unsqueeze(1)).sum(0) / w.sum();
  return (f * p.unsqueeze(0)).sum() * all.size(1);
}

TEST(RouterBalance, equals_the_formula_and_its_gradient) {
  at::manual_seed(2);
  constexpr std::int64_t kTokens = 7, kExperts = 5, kChosen = 2;
  for (const bool masked : {false, true}) {
    at::Tensor weights = at::ones({kTokens});
    if (masked) weights.narrow(0, 4, 2).zero_();
    const auto balance = c10::make_intrusive<RouterBalance>(
        3, kExperts, masked ? weights : at::Tensor());
    balance->factor = 1.5;
    std::vector<at::Tensor> probabilities;
    std::vector<at::Tensor> chosen;
    std::vector<at::Tensor> used;
    for (const std::int64_t layer : {0, 2}) {  // layer 1 is dense
      const at::Tensor p =
          at::softmax(at::randn({kTokens, kExperts}), -1).requires_grad_(true);
      probabilities.push_back(p);
      chosen.push_back(std::get<1>(at::topk(p.detach(), kChosen)));
      used.push_back(balance->attach(layer, p, chosen.back()));
      EXPECT_TRUE(at::equal(used.back(), p));
    }
    const at::Tensor want = formula(probabilities, chosen, weights);
    EXPECT_LT(distance(balance->loss(), want.detach()), 1e-6);
    // Backward of something else brings the loss' gradient along.
    const auto got = torch::autograd::grad(
        {(used[0] + used[1] * 2).sum()}, {probabilities[0], probabilities[1]});
    const auto wanted = torch::autograd::grad(
        {want * 1.5 + (probabilities[0] + probabilities[1] * 2).sum()},
        {probabilities[0], probabilities[1]});
    EXPECT_LT(distance(got[0], wanted[0]), 1e-6);
    EXPECT_LT(distance(got[1], wanted[1]), 1e-6);
  }
}

TEST(ExpertRows, are_few_and_not_many_more) {
  std::int64_t before = 0;
  std::int64_t different = 0;
  for (std::int64_t rows = 0; rows <= 5000; ++rows) {
    const std::int64_t padded = padded_rows(rows);
    ASSERT_GE(padded, rows);
    ASSERT_LE(padded, std::max(rows + 7, rows + rows / 4)) << rows;
    different += padded != before;
    before = padded;
  }
  EXPECT_EQ(different, padded_lengths(5000));
  EXPECT_LE(different, 45);
}

// Rows of zeros behind an expert's own move nothing: what is left is the
// rounding of 8 bits through two layers, a few percent of a gradient's norm;
// the router's is a difference of near numbers, and loses more.
TEST(ExpertModel, native_bf16_equals_fp32_but_for_rounding) {
  GptOptions native;
  native.compute = nn::ComputeMode::kNative;
  GptConfig config = test::tiny_config(false);
  config.layer_kinds.assign(2, GptLayer{.experts = true});
  config.experts = {.count = 4, .per_token = 2, .size = 10, .normalised = true};
  const auto half = test::random_source(at::kBFloat16);
  const auto a = make_gpt(config, half, native);
  const auto b = make_gpt(config, half, {});
  for (const auto& model : {a, b}) adapt(*model, 0.0);
  const Gradients got = gradients_of(*a, 0.0);
  const Gradients want = gradients_of(*b, 0.0);
  for (const auto& [name, tensor] : want) {
    const double bound = name.find("router") == name.npos ? 0.1 : 0.3;
    const at::Tensor apart = got.at(name).to(at::kFloat) - tensor;
    EXPECT_LT(apart.norm().item<double>(),
              bound * tensor.norm().item<double>() + 1e-6)
        << name;
  }
}

TEST(ExpertModel, balance_needs_routers_and_a_forward_with_gradients) {
  EXPECT_THROW(test::tiny_model()->set_router_loss(true), ConfigError);
  EXPECT_NO_THROW(test::tiny_model()->set_router_loss(false));
  const auto model = tiny_expert_model();
  EXPECT_THROW(model->router_loss(1.0), ConfigError);
  model->set_router_loss(true);
  {
    const at::NoGradGuard no_grad;
    model->hidden(input_of(some_ids(1, 4)));
  }
  EXPECT_THROW(model->router_loss(1.0), ConfigError);
}

}  // namespace
}  // namespace graft
