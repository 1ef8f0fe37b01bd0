// AdamW against its formula in doubles.
#include "graft/train/adamw.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graft/base/error.h"

namespace graft {
namespace {

TEST(AdamW, follows_the_formula) {
  const AdamWOptions options{0.9, 0.99, 1e-8, 0.1};
  at::Tensor weight = at::full({3}, 0.5).requires_grad_(true);
  AdamW optimizer({{"w", weight, 2.0}}, options);
  double value = 0.5, first = 0.0, second = 0.0;
  for (int step = 1; step <= 5; ++step) {
    const double gradient = 0.3 * step - 0.7;
    weight.mutable_grad() = at::full({3}, gradient);
    optimizer.step(0.01);
    const double rate = 0.02;
    value *= 1.0 - rate * options.weight_decay;
    first = 0.9 * first + 0.1 * gradient;
    second = 0.99 * second + 0.01 * gradient * gradient;
    value -= rate * (first / (1.0 - std::pow(0.9, step))) /
             (std::sqrt(second / (1.0 - std::pow(0.99, step))) + 1e-8);
    EXPECT_NEAR(weight[1].item<double>(), value, 1e-6) << step;
  }
}

TEST(AdamW, state_goes_out_and_in) {
  at::Tensor weight = at::ones({2}).requires_grad_(true);
  AdamW first({{"w", weight}}, {});
  weight.mutable_grad() = at::full({2}, 0.5);
  first.step(0.1);
  nn::NamedState state;
  first.save_to(state);
  for (auto& [name, tensor] : state.tensors) tensor = tensor.clone();

  at::Tensor copy = weight.detach().clone().requires_grad_(true);
  AdamW second({{"w", copy}}, {});
  second.load_from(state);
  for (at::Tensor* tensor : {&weight, &copy}) {
    tensor->mutable_grad() = at::full({2}, -0.25);
  }
  first.step(0.1);
  second.step(0.1);
  EXPECT_TRUE(weight.equal(copy));

  state.tensors["adamw/first/w"] = at::zeros({3});
  EXPECT_THROW(second.load_from(state), FileError);
}

}  // namespace
}  // namespace graft
