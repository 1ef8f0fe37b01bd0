// SwiGLU, rotation, head loss and the residual norm against plain autograd.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "graft/nn/head_loss.h"
#include "graft/nn/rms_norm.h"
#include "graft/nn/rotary.h"
#include "graft/nn/swiglu.h"

namespace graft::nn {
namespace {

double relative(const at::Tensor& got, const at::Tensor& want) {
  return (got.to(at::kFloat) - want.to(at::kFloat)).abs().max().item<double>() /
         want.abs().max().item<double>();
}

// fp16 and fp64 run through ATen, the others through the kernels.
struct Case {
  at::ScalarType type;
  double tolerance;
};
class Typed : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Types, Typed,
                         testing::Values(Case{at::kFloat, 2e-6},
                                         Case{at::kBFloat16, 1.5e-2},
                                         Case{at::kHalf, 3e-3}));

TEST_P(Typed, swiglu_equals_definition) {
  const auto [type, tolerance] = GetParam();
  at::manual_seed(1);
  const at::Tensor x =
      (at::randn({2, 3, 74}) * 4).to(type).requires_grad_(true);
  const at::Tensor dy = at::randn({2, 3, 37}).to(type);
  const at::Tensor y = swiglu(x);
  y.backward(dy);
  const at::Tensor x2 = x.detach().to(at::kFloat).requires_grad_(true);
  const at::Tensor want = at::silu(x2.narrow(2, 0, 37)) * x2.narrow(2, 37, 37);
  want.backward(dy.to(at::kFloat));
  EXPECT_LT(relative(y, want), tolerance);
  EXPECT_LT(relative(x.grad(), x2.grad()), tolerance);
}

TEST(Swiglu, bears_extreme_gates) {
  const at::Tensor x =
      at::tensor({-200.F, 200.F, -90.F, 2.F, 2.F, 2.F}).view({1, 6});
  const at::Tensor y = swiglu(x);
  EXPECT_NEAR(y[0][0].item<float>(), 0.F, 1e-30F);
  EXPECT_FLOAT_EQ(y[0][1].item<float>(), 400.F);
  EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  EXPECT_TRUE(at::isnan(swiglu(x * NAN)).all().item<bool>());
}

SplitHeads rotated_by_definition(const at::Tensor& qkv, const at::Tensor& cos,
                                 const at::Tensor& sin) {
  const auto head = [&](std::int64_t begin, std::int64_t heads) {
    return qkv.narrow(2, begin * 8, heads * 8)
        .unflatten(2, {heads, 8})
        .transpose(1, 2);
  };
  const auto turn = [&](const at::Tensor& x) {
    const at::Tensor half = at::cat({-x.narrow(3, 4, 4), x.narrow(3, 0, 4)}, 3);
    return x * at::cat({cos, cos}, -1) + half * at::cat({sin, sin}, -1);
  };
  return {turn(head(0, 4)), turn(head(4, 2)), head(6, 2)};
}

TEST_P(Typed, rotation_equals_definition) {
  const auto [type, tolerance] = GetParam();
  at::manual_seed(2);
  const std::vector<float> frequencies = {1.F, 0.3F, 0.1F, 0.03F};
  const at::Tensor x = at::randn({2, 5, 64}).to(type).requires_grad_(true);
  const at::Tensor x2 = x.detach().to(at::kFloat).requires_grad_(true);
  const at::Tensor positions = at::arange(10).flip(0);
  const RotaryTable table = rotary_table(positions, frequencies, 1.25);
  const SplitHeads got = split_rotated(x * 1, table, {4, 2, 8});
  const at::Tensor angles =
      (positions.to(at::kFloat).unsqueeze(1) * at::tensor(frequencies))
          .view({2, 1, 5, 4});
  const SplitHeads want =
      rotated_by_definition(x2, angles.cos() * 1.25, angles.sin() * 1.25);
  const at::Tensor weights = at::randn({2, 4, 5, 8});
  EXPECT_LT(relative(got.q, want.q), tolerance);
  EXPECT_LT(relative(got.k, want.k), tolerance);
  EXPECT_TRUE(at::equal(got.v.to(at::kFloat), want.v));
  const auto loss = [&](const SplitHeads& out) {
    return (out.q.to(at::kFloat) * weights).sum() +
           (out.k.to(at::kFloat) * weights.narrow(1, 0, 2)).sum();
  };
  loss(got).backward();
  loss(want).backward();
  EXPECT_LT(relative(x.grad(), x2.grad()), tolerance);
}

TEST(Rotary, shares_positions_between_rows) {
  const at::Tensor x = at::randn({1, 3, 32}).expand({2, 3, 32}).contiguous();
  const RotaryTable table =
      rotary_table(at::arange(3), {1.F, 0.3F, 0.1F, 0.03F}, 1.0);
  const SplitHeads out = split_rotated(x, table, {2, 1, 8});
  EXPECT_TRUE(at::equal(out.q[0], out.q[1]));
  EXPECT_EQ(out.q.sizes(), (std::vector<std::int64_t>{2, 2, 3, 8}));
}

TEST_P(Typed, head_loss_equals_definition) {
  const auto [type, tolerance] = GetParam();
  at::manual_seed(3);
  const at::Tensor head = at::randn({50, 12}).to(type);
  const auto weight = FrozenWeight::make(
      {{head, nullptr}}, ComputeMode::kNative, WeightLayout::kBlocks);
  const at::Tensor x = at::randn({300, 12}).to(type).requires_grad_(true);
  const at::Tensor targets = at::randint(0, 50, {300}, at::kLong);
  const at::Tensor loss = frozen_head_loss(x, weight, targets);
  (loss / 300).backward();
  const at::Tensor x2 = x.detach().to(at::kFloat).requires_grad_(true);
  const at::Tensor want =
      at::cross_entropy_loss(at::linear(x2, head.to(at::kFloat)), targets);
  want.backward();
  EXPECT_NEAR(loss.item<double>() / 300, want.item<double>(),
              tolerance * want.item<double>());
  EXPECT_LT(relative(x.grad(), x2.grad()), tolerance);
  const at::NoGradGuard no_grad;
  EXPECT_NEAR(frozen_head_loss(x, weight, targets).item<double>(),
              loss.item<double>(), 1e-3);
}

TEST(HeadLoss, of_nothing_is_zero_and_nan_stays_nan) {
  const auto weight =
      FrozenWeight::make({{at::randn({9, 4}), nullptr}}, ComputeMode::kFp32,
                         WeightLayout::kBlocks);
  const at::Tensor none = at::empty({0, 4}).requires_grad_(true);
  const at::Tensor loss =
      frozen_head_loss(none, weight, at::empty({0}, at::kLong));
  EXPECT_EQ(loss.item<float>(), 0.F);
  loss.backward();
  const at::Tensor bad = at::full({1, 4}, NAN);
  EXPECT_TRUE(
      at::isnan(frozen_head_loss(bad, weight, at::zeros({1}, at::kLong)))
          .item<bool>());
}

TEST_P(Typed, residual_norm_equals_two_steps) {
  const auto [type, tolerance] = GetParam();
  at::manual_seed(4);
  const at::Tensor weight = at::rand({40}).add_(0.5).requires_grad_(true);
  const auto leaf = [&] {
    return at::randn({2, 5, 40}).to(type).requires_grad_(true);
  };
  const at::Tensor x = leaf();
  const at::Tensor delta = leaf();
  const AddedNorm got = add_rms_norm(x, delta, weight, 1e-5);
  (got.sum * got.normalised).sum().backward();
  const at::Tensor x2 = x.detach().to(at::kFloat).requires_grad_(true);
  const at::Tensor sum = x2 + delta.detach().to(at::kFloat);
  const at::Tensor normalised =
      sum * (sum.square().mean({-1}, true) + 1e-5).rsqrt() * weight.detach();
  (sum * normalised).sum().backward();
  EXPECT_LT(relative(got.sum, sum), tolerance);
  EXPECT_LT(relative(got.normalised, normalised), tolerance);
  EXPECT_LT(relative(x.grad(), x2.grad()), 4 * tolerance);
  EXPECT_TRUE(at::equal(x.grad(), delta.grad()));
  EXPECT_TRUE(weight.grad().defined());
}

}  // namespace
}  // namespace graft::nn
