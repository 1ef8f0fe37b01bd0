// The adapted product: equal to plain autograd, on every path it has.
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>

#include "graft/base/error.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/delta.h"
#include "graft/peft/inject.h"
#include "peft/dropout_mask_internal.h"

namespace graft {
namespace {

struct Holder : torch::nn::Module {
  explicit Holder(std::shared_ptr<nn::LinearSlot> slot)
      : fc(register_module("fc", std::move(slot))) {}
  std::shared_ptr<nn::LinearSlot> fc;
};

Site make_site(RowSet rows, const std::string& component, double dropout) {
  Site site;
  site.module = "fc";
  site.component = component;
  site.rows = rows;
  site.in = 6;
  site.module_out = 10;
  site.adapter.rank = 3;
  site.adapter.dropout = dropout;
  site.scale = 0.5;
  return site;
}

Plan make_plan(double dropout = 0.0) {
  Plan plan;
  plan.sites = {make_site({0, 4}, "linear_q", dropout),
                make_site({7, 10}, "linear_v", dropout)};
  return plan;
}

std::shared_ptr<Holder> frozen_holder(at::ScalarType type, bool with_bias) {
  const auto mode =
      type == at::kFloat ? nn::ComputeMode::kFp32 : nn::ComputeMode::kNative;
  auto weight = nn::FrozenWeight::make({{at::randn({4, 6}).to(type), nullptr},
                                        {at::randn({6, 6}).to(type), nullptr}},
                                       mode, nn::WeightLayout::kBlocks);
  const at::Tensor bias = with_bias ? at::randn({10}).to(type) : at::Tensor();
  return std::make_shared<Holder>(
      std::make_shared<nn::Linear>(std::move(weight), bias));
}

void randomise(const std::vector<LiveAdapter>& adapters) {
  const at::NoGradGuard no_grad;
  for (const LiveAdapter& adapter : adapters) {
    at::Tensor b = adapter.b;
    b.normal_();
  }
}

// The same through tensor operations alone.
at::Tensor expected(const nn::LinearSlot& slot, const at::Tensor& x,
                    const std::vector<LiveAdapter>& adapters) {
  at::Tensor weight = slot.dense_rows({0, slot.out()});
  for (const LiveAdapter& adapter : adapters) {
    const at::Tensor delta = at::mm(adapter.b, adapter.a) * adapter.site.scale;
    const RowSet rows = adapter.site.rows;
    weight = at::cat({weight.narrow(0, 0, rows.begin),
                      weight.narrow(0, rows.begin, rows.size()) + delta,
                      weight.narrow(0, rows.end, slot.out() - rows.end)});
  }
  return at::linear(x, weight, slot.bias());
}

std::vector<at::Tensor> gradients(const at::Tensor& y, const at::Tensor& x,
                                  const std::vector<LiveAdapter>& adapters) {
  std::vector<at::Tensor> leaves{x};
  for (const LiveAdapter& adapter : adapters) {
    leaves.push_back(adapter.a);
    leaves.push_back(adapter.b);
  }
  for (const at::Tensor& leaf : leaves) leaf.mutable_grad() = at::Tensor();
  const at::Tensor factor =
      at::arange(y.numel(), y.options().dtype(at::kFloat)).cos().view_as(y);
  (y.to(at::kFloat) * factor).sum().backward();
  std::vector<at::Tensor> found;
  for (const at::Tensor& leaf : leaves) found.push_back(leaf.grad().clone());
  return found;
}

void expect_close(const at::Tensor& got, const at::Tensor& want,
                  double tolerance) {
  ASSERT_EQ(got.sizes(), want.sizes());
  const double scale = want.abs().max().item<double>() + 1e-12;
  const double worst =
      (got.to(at::kFloat) - want.to(at::kFloat)).abs().max().item<double>();
  EXPECT_LT(worst / scale, tolerance);
}

void check_against_autograd(at::ScalarType type, bool with_bias,
                            double tolerance) {
  at::manual_seed(3);
  const auto holder = frozen_holder(type, with_bias);
  const auto adapters = inject(*holder, make_plan());
  randomise(adapters);
  const at::Tensor x = at::randn({2, 5, 6}).to(type).requires_grad_(true);
  const at::Tensor y = holder->fc->forward(x);
  EXPECT_EQ(y.scalar_type(), type);
  const at::Tensor plain_x =
      x.detach().to(at::kFloat).clone().requires_grad_(true);
  const at::Tensor want = expected(*holder->fc, plain_x, adapters);
  expect_close(y.detach(), want.detach(), tolerance);
  const auto got_grads = gradients(y, x, adapters);
  const auto want_grads = gradients(want, plain_x, adapters);
  for (std::size_t i = 0; i < got_grads.size(); ++i) {
    SCOPED_TRACE(i);
    expect_close(got_grads[i], want_grads[i], tolerance);
  }
}

TEST(AdaptedLinear, equals_autograd_in_fp32) {
  check_against_autograd(at::kFloat, false, 1e-5);
  check_against_autograd(at::kFloat, true, 1e-5);
}

TEST(AdaptedLinear, equals_autograd_in_native_bf16) {
  check_against_autograd(at::kBFloat16, false, 3e-2);
}

TEST(AdaptedLinear, equals_the_merged_weight) {
  const auto holder = frozen_holder(at::kFloat, true);
  const auto adapters = inject(*holder, make_plan());
  randomise(adapters);
  const at::Tensor x = at::randn({4, 6});
  const at::Tensor merged =
      at::linear(x, merged_rows(*holder->fc, {0, 10}), holder->fc->bias());
  expect_close(holder->fc->forward(x).detach(), merged.detach(), 1e-5);
  expect_close(merged_rows(*holder->fc, {2, 8}),
               merged_rows(*holder->fc, {0, 10}).narrow(0, 2, 6), 1e-9);
}

TEST(AdaptedLinear, needs_no_input_gradient_and_keeps_none_of_the_base) {
  const auto holder =
      std::make_shared<Holder>(std::make_shared<nn::Linear>(6, 10, true));
  const auto adapters = inject(*holder, make_plan());
  const at::Tensor y = holder->fc->forward(at::randn({3, 6}));
  y.sum().backward();
  EXPECT_TRUE(adapters[0].b.grad().defined());
  for (const auto& item : holder->fc->named_parameters(false)) {
    EXPECT_FALSE(item.value().requires_grad()) << item.key();
    EXPECT_FALSE(item.value().grad().defined()) << item.key();
  }
}

TEST(AdaptedLinear, trains_beside_a_base_that_trains) {
  const auto holder =
      std::make_shared<Holder>(std::make_shared<nn::Linear>(6, 10, true));
  const auto adapters = inject(*holder, make_plan());
  randomise(adapters);
  holder->fc->make_trainable();
  const at::Tensor x = at::randn({3, 6}).requires_grad_(true);
  const at::Tensor y = holder->fc->forward(x);
  const auto got = gradients(y, x, adapters);
  EXPECT_TRUE(holder->fc->weight().grad().defined());
  const at::Tensor want = expected(*holder->fc, x, adapters);
  expect_close(y.detach(), want.detach(), 1e-5);
  const auto want_grads = gradients(want, x, adapters);
  for (std::size_t i = 0; i < got.size(); ++i) {
    expect_close(got[i], want_grads[i], 1e-5);
  }
}

TEST(AdaptedLinear, refuses_a_wrong_input) {
  const auto holder = frozen_holder(at::kFloat, false);
  inject(*holder, make_plan());
  EXPECT_THROW(holder->fc->forward(at::randn({3, 5})), ConfigError);
  EXPECT_THROW(holder->fc->forward(at::randn({3, 6}, at::kDouble)),
               ConfigError);
}

TEST(AdaptedLinear, drops_inputs_by_the_counter_alone) {
  const auto holder = frozen_holder(at::kFloat, false);
  const auto adapters = inject(*holder, make_plan(0.5));
  randomise(adapters);
  const at::Tensor x = at::randn({7, 6}).requires_grad_(true);
  holder->eval();
  const at::Tensor still = holder->fc->forward(x).detach();
  expect_close(still, expected(*holder->fc, x, adapters).detach(), 1e-5);
  holder->train();
  set_dropout_counter(*holder, {1, 2, 3});
  const at::Tensor first = holder->fc->forward(x);
  EXPECT_TRUE(at::equal(first, holder->fc->forward(x)));
  set_dropout_counter(*holder, {1, 3, 3});
  EXPECT_FALSE(at::equal(first, holder->fc->forward(x)));
  EXPECT_FALSE(at::equal(first, still));
}

TEST(AdaptedLinear, replays_the_mask_in_backward) {
  const auto holder = frozen_holder(at::kFloat, false);
  const auto adapters = inject(*holder, make_plan(0.5));
  randomise(adapters);
  holder->train();
  const DropoutCounter counter{9, 4, 1};
  set_dropout_counter(*holder, counter);
  const at::Tensor x = at::randn({7, 6}).requires_grad_(true);
  const auto got = gradients(holder->fc->forward(x), x, adapters);
  const at::Tensor mask = dropout_mask(x, dropout_key(counter, "fc"), 0.5);
  const at::Tensor base = holder->fc->base_forward(x);
  const at::Tensor seen = x * mask;
  const at::Tensor want = base + expected(*holder->fc, seen, adapters) -
                          holder->fc->base_forward(seen);
  const auto want_grads = gradients(want, x, adapters);
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(i);
    expect_close(got[i], want_grads[i], 1e-5);
  }
}

TEST(DropoutMask, is_the_same_from_the_kernel_and_from_operations) {
  const at::Tensor x = at::empty({300, 401});
  for (const double probability : {0.1, 0.5, 0.9}) {
    const at::Tensor mask = dropout_mask(x, 77, probability);
    EXPECT_TRUE(
        at::equal(mask, dropout_mask_by_operations(x, 77, probability)));
    EXPECT_NEAR(mask.mean().item<double>(), 1.0, 0.05);
    const double kept = mask.gt(0).to(at::kFloat).mean().item<double>();
    EXPECT_NEAR(kept, 1.0 - probability, 0.01);
  }
}

}  // namespace
}  // namespace graft
