// Attention of segments against attention with a block-diagonal mask.
#include "graft/nn/segment_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <vector>

#include "support/memory_meter.h"

namespace graft::nn {
namespace {

// True where a query of one segment may look.
at::Tensor block_mask(const std::vector<std::int64_t>& lengths,
                      std::int64_t total) {
  at::Tensor mask = at::zeros({total, total}, at::kBool);
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    mask.narrow(0, begin, length)
        .narrow(1, begin, length)
        .copy_(at::ones({length, length}, at::kBool).tril());
    begin += length;
  }
  return mask;
}

SplitHeads random_heads(std::int64_t tokens) {
  const auto make = [&](std::int64_t heads) {
    return at::randn({1, tokens, heads, 8})
        .transpose(1, 2)
        .requires_grad_(true);
  };
  return {make(6), make(2), make(2)};
}

TEST(SegmentAttention, equals_a_block_diagonal_mask) {
  at::manual_seed(3);
  const std::vector<std::vector<std::int64_t>> cases = {
      {17}, {1}, {5, 12}, {4, 4, 4}, {1, 1, 7, 7, 3, 1}};
  for (const std::vector<std::int64_t>& lengths : cases) {
    std::int64_t total = 0;
    for (const std::int64_t length : lengths) total += length;
    const SplitHeads in = random_heads(total);
    const at::Tensor dy = at::randn({1, total, 48});
    const at::Tensor y = segment_attention(in, lengths);
    y.backward(dy);
    const auto copy = [](const at::Tensor& x) {
      return x.detach().clone().requires_grad_(true);
    };
    const SplitHeads other{copy(in.q), copy(in.k), copy(in.v)};
    const at::Tensor want =
        at::scaled_dot_product_attention(
            other.q, other.k.repeat_interleave(3, 1),
            other.v.repeat_interleave(3, 1), block_mask(lengths, total))
            .transpose(1, 2)
            .flatten(2);
    want.backward(dy);
    EXPECT_TRUE(at::allclose(y, want, 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(in.q.grad(), other.q.grad(), 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(in.k.grad(), other.k.grad(), 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(in.v.grad(), other.v.grad(), 1e-4, 1e-5));
  }
}

// Rows of few lengths are made of the segments there.
TEST(SegmentAttention, in_bf16_is_that_in_fp32_rounded) {
  at::manual_seed(5);
  const std::vector<std::int64_t> lengths = {40, 33, 32, 5, 1, 64};
  const SplitHeads in = random_heads(175);
  const at::Tensor dy = at::randn({1, 175, 48});
  const auto rounded = [](const at::Tensor& x) {
    return x.detach().to(at::kBFloat16).requires_grad_(true);
  };
  const SplitHeads half{rounded(in.q), rounded(in.k), rounded(in.v)};
  const at::Tensor y = segment_attention(half, lengths);
  y.backward(dy.to(at::kBFloat16));
  const at::Tensor want = segment_attention(in, lengths);
  want.backward(dy);
  const auto near = [](const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kFloat) - b).abs().max().item<double>() <
           0.03 * b.abs().max().item<double>();
  };
  EXPECT_TRUE(near(y, want));
  EXPECT_TRUE(near(half.q.grad(), in.q.grad()));
  EXPECT_TRUE(near(half.k.grad(), in.k.grad()));
  EXPECT_TRUE(near(half.v.grad(), in.v.grad()));
}

TEST(SegmentAttention, takes_memory_in_proportion_to_the_tokens) {
  const std::vector<std::int64_t> lengths(512, 4);
  const SplitHeads in = random_heads(2048);
  const test::MemoryMeter meter;
  segment_attention(in, lengths).sum().backward();
  // One bool mask of the row would be 4 MiB; q alone is 0.4 MB.
  EXPECT_LT(meter.peak(), 4 << 20);
}

}  // namespace
}  // namespace graft::nn
