// The norm against its definition under plain autograd.
#include "graft/nn/rms_norm.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

namespace graft::nn {
namespace {

at::Tensor definition(const at::Tensor& x, const at::Tensor& weight,
                      double eps) {
  const at::Tensor wide = x.to(at::kFloat);
  return wide * (wide.square().mean({-1}, true) + eps).rsqrt() * weight;
}

double relative(const at::Tensor& got, const at::Tensor& want) {
  return (got.to(at::kFloat) - want.to(at::kFloat)).abs().max().item<double>() /
         want.abs().max().item<double>();
}

struct Case {
  at::ScalarType type;
  std::int64_t width;
  double tolerance;
};

class RmsNormCase : public testing::TestWithParam<Case> {};

TEST_P(RmsNormCase, equals_definition) {
  const Case& row = GetParam();
  at::manual_seed(1);
  const at::Tensor weight = at::randn({row.width}).requires_grad_(true);
  const at::Tensor x =
      at::randn({3, 5, row.width}).to(row.type).requires_grad_(true);
  const at::Tensor dy = at::randn({3, 5, row.width}).to(row.type);
  const at::Tensor y = rms_norm(x, weight, 1e-5);
  EXPECT_EQ(y.scalar_type(), row.type);
  y.backward(dy);
  const at::Tensor x2 = x.detach().to(at::kFloat).requires_grad_(true);
  const at::Tensor w2 = weight.detach().clone().requires_grad_(true);
  const at::Tensor want = definition(x2, w2, 1e-5);
  want.backward(dy.to(at::kFloat));
  EXPECT_LT(relative(y, want), row.tolerance);
  EXPECT_LT(relative(x.grad(), x2.grad()), row.tolerance);
  EXPECT_LT(relative(weight.grad(), w2.grad()), row.tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    Types, RmsNormCase,
    testing::Values(Case{at::kFloat, 64, 2e-6}, Case{at::kFloat, 37, 2e-6},
                    Case{at::kFloat, 17, 2e-6}, Case{at::kBFloat16, 50, 1e-2},
                    Case{at::kHalf, 48, 2e-3}, Case{at::kDouble, 48, 1e-6}));

TEST(RmsNorm, frozen_copies_its_weight) {
  const at::Tensor weight = at::rand({8}).to(at::kBFloat16);
  const RmsNorm norm(weight, 1e-6);
  EXPECT_EQ(norm.weight().scalar_type(), at::kFloat);
  EXPECT_FALSE(norm.weight().requires_grad());
  EXPECT_FALSE(norm.forward(at::randn({2, 8})).requires_grad());
}

}  // namespace
}  // namespace graft::nn
