// The soft-capped loss, and the gated activations, against ATen's autograd.
#include "graft/nn/capped_head_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>

#include "graft/nn/gated_activation.h"
#include "graft/nn/head_loss.h"

namespace graft::nn {
namespace {

TEST(CappedHeadLoss, equals_the_formula_in_chunks) {
  // Wide enough that the rows are more than one chunk.
  const std::int64_t width = 40000;
  const std::int64_t rows = 2 * head_loss_rows(width, 4) + 3;
  const auto head = std::make_shared<LinearSlot>(5, width, false);
  const at::Tensor x = at::randn({rows, 5}).requires_grad_(true);
  const at::Tensor targets = at::randint(0, width, {rows}, at::kLong);
  const at::Tensor got = capped_head_loss(x, head, targets, 3.0);
  const at::Tensor logits = at::tanh(head->base_forward(x) / 3.0) * 3.0;
  const at::Tensor want =
      at::nll_loss(at::log_softmax(logits, 1), targets, {}, at::Reduction::Sum);
  EXPECT_NEAR(got.item<double>() / want.item<double>(), 1.0, 1e-5);
  const auto found = torch::autograd::grad({got}, {x, head->weight()});
  const auto wanted = torch::autograd::grad({want}, {x, head->weight()});
  for (std::size_t i = 0; i < 2; ++i) {
    const double largest = wanted[i].abs().max().item<double>();
    EXPECT_LT((found[i] - wanted[i]).abs().max().item<double>(),
              1e-4 * largest);
  }
}

TEST(GatedActivation, equals_atens_operations) {
  const auto plain = [](Gate gate, const at::Tensor& x) {
    switch (gate) {
      case Gate::kSilu:
        return at::silu(x);
      case Gate::kGelu:
        return at::gelu(x, "none");
      case Gate::kGeluTanh:
        return at::gelu(x, "tanh");
      case Gate::kRelu:
        return at::relu(x);
    }
    return x;
  };
  for (const Gate gate :
       {Gate::kSilu, Gate::kGelu, Gate::kGeluTanh, Gate::kRelu}) {
    const at::Tensor x = at::randn({3, 4, 10}).requires_grad_(true);
    const at::Tensor got = gated(gate, x);
    const at::Tensor want = plain(gate, x.narrow(2, 0, 5)) * x.narrow(2, 5, 5);
    EXPECT_TRUE(at::allclose(got, want, 1e-5, 1e-6));
    const at::Tensor dy = at::randn_like(want);
    EXPECT_TRUE(at::allclose(torch::autograd::grad({got}, {x}, {dy})[0],
                             torch::autograd::grad({want}, {x}, {dy})[0], 1e-5,
                             1e-6));
  }
}

}  // namespace
}  // namespace graft::nn
