// Slots against plain autograd: values, gradients, graph-free paths, and the
// moves between frozen and trainable.
#include "graft/nn/linear_slot.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>
#include <vector>

#include "graft/base/error.h"

namespace graft::nn {
namespace {

c10::intrusive_ptr<FrozenWeight> three_blocks(const at::Tensor& dense,
                                              ComputeMode mode) {
  return FrozenWeight::make({{dense.narrow(0, 0, 8), nullptr},
                             {dense.narrow(0, 8, 4), nullptr},
                             {dense.narrow(0, 12, 4), nullptr}},
                            mode, WeightLayout::kBlocks);
}

double relative(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).abs().max().item<double>() /
         want.abs().max().item<double>();
}

class SlotGradient : public testing::TestWithParam<at::ScalarType> {};

TEST_P(SlotGradient, equals_plain_autograd) {
  at::manual_seed(1);
  const at::Tensor stored = at::randn({16, 6}).to(GetParam());
  const at::Tensor bias = at::randn({16});
  LinearSlot slot(three_blocks(stored, ComputeMode::kFp32), bias.clone());
  const at::Tensor x = at::randn({2, 5, 6}).requires_grad_(true);
  const at::Tensor dy = at::randn({2, 5, 16});
  const at::Tensor y = slot.forward(x);
  y.backward(dy);
  const at::Tensor x2 = x.detach().clone().requires_grad_(true);
  const at::Tensor want = at::linear(x2, stored.to(at::kFloat), bias);
  want.backward(dy);
  EXPECT_LT(relative(y, want), 1e-5);
  EXPECT_LT(relative(x.grad(), x2.grad()), 1e-5);
  const at::Tensor first = x.grad().clone();
  x.mutable_grad().reset();
  slot.forward(x).backward(dy);
  EXPECT_TRUE(at::equal(first, x.grad())) << "a rerun must give the same bits";
}

INSTANTIATE_TEST_SUITE_P(Storage, SlotGradient,
                         testing::Values(at::kFloat, at::kBFloat16, at::kHalf));

TEST(LinearSlot, builds_no_graph_without_need) {
  LinearSlot slot(three_blocks(at::randn({16, 6}), ComputeMode::kFp32), {});
  EXPECT_FALSE(slot.forward(at::randn({3, 6})).requires_grad());
  const at::Tensor x = at::randn({3, 6}).requires_grad_(true);
  {
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(slot.forward(x).requires_grad());
  }
  EXPECT_TRUE(slot.forward(x).requires_grad());
  EXPECT_TRUE(slot.parameters().empty());
}

TEST(LinearSlot, takes_expanded_and_strided_input) {
  const at::Tensor dense = at::randn({16, 6});
  LinearSlot slot(three_blocks(dense, ComputeMode::kFp32), {});
  const at::Tensor x = at::randn({6, 4}).t().requires_grad_(true);
  slot.forward(x).sum().backward();
  const at::Tensor want = dense.sum(0).expand({4, 6});
  EXPECT_TRUE(at::allclose(x.grad(), want, 1e-5, 1e-6));
}

TEST(LinearSlot, trainable_keeps_the_values_and_takes_gradients) {
  const at::Tensor stored = at::randn({16, 6}).to(at::kBFloat16);
  LinearSlot slot(three_blocks(stored, ComputeMode::kNative),
                  at::ones({16}, at::kBFloat16));
  slot.make_trainable();
  ASSERT_FALSE(slot.is_frozen());
  EXPECT_EQ(slot.compute_type(), at::kFloat);
  EXPECT_EQ(slot.named_parameters().size(), 2U);
  EXPECT_EQ(slot.bias().scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(slot.weight(), stored.to(at::kFloat)));
  slot.forward(at::randn({3, 6})).sum().backward();
  EXPECT_TRUE(slot.weight().grad().defined());
  EXPECT_TRUE(slot.bias().grad().defined());
}

TEST(LinearSlot, freezing_an_own_weight_keeps_it_registered) {
  Linear slot(6, 16, true);
  const at::Tensor x = at::randn({3, 6});
  const at::Tensor before = slot.forward(x).detach();
  slot.freeze();
  EXPECT_TRUE(slot.is_frozen());
  EXPECT_TRUE(at::equal(slot.forward(x), before));
  const auto parameters = slot.named_parameters();
  ASSERT_EQ(parameters.size(), 2U);
  for (const auto& item : parameters) {
    EXPECT_FALSE(item.value().requires_grad()) << item.key();
  }
  // Loading a state replaces the parameter's data; the slot must see it.
  parameters["weight"].set_data(at::zeros({16, 6}));
  EXPECT_TRUE(at::equal(slot.forward(x), slot.bias().expand({3, 16})));
  slot.make_trainable();
  EXPECT_EQ(slot.named_parameters().size(), 2U);
  EXPECT_TRUE(slot.weight().requires_grad());
}

class Doubled : public LinearOp {
 public:
  at::Tensor forward(const LinearSlot& slot, const LinearInput& x) override {
    return slot.base_forward(x.value) * 2;
  }
};

TEST(LinearSlot, runs_its_operation_and_forgets_it) {
  Linear slot(6, 16, false);
  const at::Tensor x = at::randn({3, 6});
  const at::Tensor plain = slot.forward(x);
  slot.set_op(std::make_shared<Doubled>());
  EXPECT_TRUE(at::equal(slot.forward(x), plain * 2));
  slot.clear_op();
  EXPECT_TRUE(at::equal(slot.forward(x), plain));
}

TEST(LinearSlot, refuses_input_of_other_width_or_type) {
  Linear slot(6, 16, false);
  EXPECT_THROW(slot.forward(at::randn({3, 7})), ConfigError);
  EXPECT_THROW(slot.forward(at::randn({3, 6}).to(at::kDouble)), ConfigError);
  EXPECT_THROW(slot.forward(at::ones({})), ConfigError);
}

}  // namespace
}  // namespace graft::nn
