// Inputs of linear layers that backward makes again: the same bits, and only
// where what they are made of is kept anyway.
#include "graft/nn/linear_input.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "graft/nn/gated_activation.h"
#include "graft/nn/rms_norm.h"

namespace graft::nn {
namespace {

// fp16 runs through ATen, the others through the kernels.
class Made : public testing::TestWithParam<at::ScalarType> {
 protected:
  at::Tensor leaf(std::int64_t width) const {
    return (at::randn({3, 5, width}) * 3).to(GetParam()).requires_grad_(true);
  }
};
INSTANTIATE_TEST_SUITE_P(Types, Made,
                         testing::Values(at::kFloat, at::kBFloat16, at::kHalf));

void expect_same_bits(const LinearInput& in, const at::Tensor& want) {
  ASSERT_TRUE(in.make);
  EXPECT_TRUE(at::equal(in.value, want));
  const at::NoGradGuard no_grad;
  const at::Tensor made = in.make(in.sources);
  EXPECT_TRUE(at::equal(made, want));
  EXPECT_EQ(made.sizes(), want.sizes());
  EXPECT_FALSE(made.requires_grad());
}

TEST_P(Made, activations_again) {
  for (const Gate gate :
       {Gate::kSilu, Gate::kGelu, Gate::kGeluTanh, Gate::kRelu}) {
    const at::Tensor x = leaf(74);
    expect_same_bits(gated_input(gate, x), gated(gate, x));
  }
}

TEST_P(Made, norms_again) {
  for (const double offset : {0.0, 1.0}) {
    const RmsNorm norm(at::rand({40}).add_(0.5), 1e-5, offset);
    const at::Tensor x = leaf(40);
    expect_same_bits(norm.input_of({x, norm.forward(x)}), norm.forward(x));
    const at::Tensor delta = leaf(40);
    const AddedNorm added = norm.forward(x, delta);
    expect_same_bits(norm.input_of(added), added.normalised);
  }
}

TEST(LinearInput, is_plain_where_nothing_is_tracked) {
  const RmsNorm norm(at::ones({8}), 1e-5);
  const at::Tensor x = at::randn({2, 8});
  EXPECT_FALSE(norm.input_of({x, norm.forward(x)}).make);
  EXPECT_FALSE(gated_input(Gate::kSilu, x).make);
  const at::Tensor leaf = at::randn({2, 8}).requires_grad_(true);
  EXPECT_TRUE(gated_input(Gate::kSilu, leaf).make);
  const at::NoGradGuard no_grad;
  const LinearInput untracked = gated_input(Gate::kSilu, leaf);
  EXPECT_FALSE(untracked.make);
  EXPECT_TRUE(untracked.sources.empty());
}

}  // namespace
}  // namespace graft::nn
