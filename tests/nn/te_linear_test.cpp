// The kinds whose forward is not the plain product.
#include "graft/nn/te_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "graft/base/error.h"
#include "graft/nn/embedding.h"
#include "graft/nn/rms_norm.h"

namespace graft::nn {
namespace {

TEST(TeLinear, layer_norm_column_normalises_first) {
  TeLayerNormColumnParallelLinear layer(6, 4, true, 1e-5);
  const at::Tensor x = at::randn({3, 6});
  const at::Tensor want = at::linear(rms_norm(x, layer.norm_weight(), 1e-5),
                                     layer.weight(), layer.bias());
  EXPECT_TRUE(at::allclose(layer.forward(x), want));
  EXPECT_EQ(layer.parameters().size(), 3U);
}

TEST(TeLinear, grouped_multiplies_by_expert) {
  TeGroupedLinear layer(3, 6, 4);
  const at::Tensor x = at::randn({5, 6});
  for (const bool frozen : {false, true}) {
    if (frozen) layer.freeze();
    const at::Tensor y = layer.forward(x, {2, 0, 3});
    const at::Tensor weight = layer.dense_rows({0, 12});
    EXPECT_TRUE(
        at::allclose(y.narrow(0, 0, 2),
                     at::linear(x.narrow(0, 0, 2), weight.narrow(0, 0, 4))));
    EXPECT_TRUE(
        at::allclose(y.narrow(0, 2, 3),
                     at::linear(x.narrow(0, 2, 3), weight.narrow(0, 8, 4))));
  }
  EXPECT_THROW(layer.forward(x, {2, 3}), ConfigError);
  EXPECT_THROW(layer.forward(x, {2, 2, 2}), ConfigError);
  EXPECT_THROW(layer.forward(x, {6, -1, 0}), ConfigError);
}

struct Doubled : GroupedOp {
  at::Tensor forward(const LinearSlot&, const LinearInput& x) override {
    return x.value;
  }
  at::Tensor forward_grouped(const TeGroupedLinear& slot, const at::Tensor& x,
                             const std::vector<std::int64_t>& counts) override {
    return 2 * slot.base_forward(x, counts);
  }
};
struct Plain : LinearOp {
  at::Tensor forward(const LinearSlot&, const LinearInput& x) override {
    return x.value;
  }
};

TEST(TeLinear, grouped_runs_an_operation_for_groups_alone) {
  TeGroupedLinear layer(3, 6, 4);
  const at::Tensor x = at::randn({5, 6});
  const at::Tensor base = layer.forward(x, {2, 0, 3});
  layer.set_op(std::make_shared<Doubled>());
  EXPECT_TRUE(at::equal(layer.forward(x, {2, 0, 3}), 2 * base));
  EXPECT_THROW(layer.forward(x, {2, 2}), ConfigError);
  layer.set_op(std::make_shared<Plain>());
  EXPECT_THROW(layer.forward(x, {2, 0, 3}), ConfigError);
}

// Frozen rows are those of now, whatever was frozen before.
TEST(TeLinear, grouped_follows_a_weight_that_was_trained) {
  const at::Tensor stored = at::randn({12, 6});
  TeGroupedLinear layer(3, {{stored, nullptr}}, ComputeMode::kFp32);
  layer.make_trainable();
  {
    const at::NoGradGuard no_grad;
    at::Tensor own = layer.weight();
    own.mul_(2);
  }
  layer.freeze();
  const at::Tensor x = at::randn({3, 6});
  EXPECT_TRUE(at::allclose(layer.forward(x, {0, 3, 0}),
                           2 * at::linear(x, stored.narrow(0, 4, 4))));
}

TEST(TeLinear, grouped_reads_row_blocks_wherever_they_end) {
  const at::Tensor weight = at::randn({12, 6});
  const std::vector<std::vector<std::int64_t>> layouts = {
      {12}, {2, 2, 2, 2, 2, 2}, {4, 4, 4}, {3, 9}};
  for (const auto& sizes : layouts) {
    std::vector<WeightBlock> blocks;
    std::int64_t begin = 0;
    for (const std::int64_t size : sizes) {
      blocks.push_back({weight.narrow(0, begin, size), nullptr});
      begin += size;
    }
    TeGroupedLinear layer(3, blocks, ComputeMode::kFp32);
    const at::Tensor x = at::randn({5, 6}).requires_grad_(true);
    const at::Tensor got = layer.forward(x, {3, 0, 2});
    const at::Tensor want =
        at::cat({at::linear(x.narrow(0, 0, 3), weight.narrow(0, 0, 4)),
                 at::linear(x.narrow(0, 3, 2), weight.narrow(0, 8, 4))});
    EXPECT_TRUE(at::allclose(got, want, 1e-5, 1e-6));
    const at::Tensor dy = at::randn_like(want);
    EXPECT_TRUE(at::allclose(torch::autograd::grad({got}, {x}, {dy})[0],
                             torch::autograd::grad({want}, {x}, {dy})[0], 1e-5,
                             1e-6));
    layer.make_trainable();
    EXPECT_TRUE(at::allclose(layer.forward(x, {3, 0, 2}), want, 1e-5, 1e-6));
  }
}

TEST(Embedding, trainable_gives_no_gradient_to_the_padding_row) {
  const at::Tensor stored = at::randn({5, 3}).to(at::kBFloat16);
  Embedding embedding(FrozenWeight::make(
      {{stored, nullptr}}, ComputeMode::kFp32, WeightLayout::kBlocks));
  const at::Tensor ids = at::tensor({0, 4, 4, 2}, at::kLong).view({2, 2});
  const at::Tensor before = embedding.forward(ids);
  EXPECT_EQ(before.sizes(), (std::vector<std::int64_t>{2, 2, 3}));
  embedding.make_trainable(0);
  const at::Tensor after = embedding.forward(ids);
  EXPECT_TRUE(at::equal(before, after));
  after.sum().backward();
  const at::Tensor want =
      at::tensor({0.F, 0.F, 1.F, 0.F, 2.F}).unsqueeze(1).expand({5, 3});
  EXPECT_TRUE(at::equal(embedding.weight().grad(), want));
}

}  // namespace
}  // namespace graft::nn
