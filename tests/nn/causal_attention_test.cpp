// The blocked attention against its definition under plain autograd.
#include "graft/nn/causal_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>
#include <vector>

#include "graft/base/error.h"

namespace graft::nn {
namespace {

// The whole score matrix with a mask, in fp64.
at::Tensor definition(const at::Tensor& qkv, const HeadShape& shape,
                      const std::vector<AttentionSegment>& segments) {
  const std::int64_t tokens = qkv.size(1);
  const std::int64_t group = shape.heads / shape.kv_heads;
  const auto heads = [&](std::int64_t first, std::int64_t count) {
    return qkv.narrow(2, first * shape.head_dim, count * shape.head_dim)
        .unflatten(2, {count, shape.head_dim})
        .transpose(1, 2);
  };
  const at::Tensor q = heads(0, shape.heads);
  const at::Tensor k =
      heads(shape.heads, shape.kv_heads).repeat_interleave(group, 1);
  const at::Tensor v = heads(shape.heads + shape.kv_heads, shape.kv_heads)
                           .repeat_interleave(group, 1);
  at::Tensor seen =
      at::zeros({qkv.size(0), tokens, tokens}, at::TensorOptions(at::kBool));
  for (const AttentionSegment& s : segments) {
    const std::int64_t n = s.end - s.begin;
    seen[s.row]
        .narrow(0, s.begin, n)
        .narrow(1, s.begin, n)
        .copy_(at::ones({n, n}, at::TensorOptions(at::kBool)).tril());
  }
  const at::Tensor hidden = seen.logical_not().unsqueeze(1);
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape.head_dim));
  const at::Tensor scores = at::matmul(q, k.transpose(2, 3)).mul(scale);
  const at::Tensor p =
      scores.masked_fill(hidden, -std::numeric_limits<double>::infinity())
          .softmax(3)
          .masked_fill(hidden, 0.0);  // a row that sees nothing is NaN before
  return at::matmul(p, v).transpose(1, 2).flatten(2);
}

double relative(const at::Tensor& got, const at::Tensor& want) {
  return (got.to(at::kDouble) - want).abs().max().item<double>() /
         want.abs().max().item<double>();
}

struct Case {
  const char* name;
  at::ScalarType type;
  HeadShape shape;
  std::int64_t tokens;
  std::vector<AttentionSegment> segments;
  double tolerance;
};

class CausalAttentionCase : public testing::TestWithParam<Case> {};

TEST_P(CausalAttentionCase, equals_definition) {
  const Case& row = GetParam();
  at::manual_seed(3);
  const std::int64_t width =
      (row.shape.heads + 2 * row.shape.kv_heads) * row.shape.head_dim;
  const at::Tensor qkv =
      at::randn({2, row.tokens, width}).to(row.type).requires_grad_(true);
  const at::Tensor dy =
      at::randn({2, row.tokens, row.shape.heads * row.shape.head_dim})
          .to(row.type);
  const at::Tensor y = causal_attention(qkv, row.shape, row.segments);
  EXPECT_EQ(y.scalar_type(), row.type);
  y.backward(dy);
  const at::Tensor twin = qkv.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor want = definition(twin, row.shape, row.segments);
  // Positions of no segment mean nothing in the definition.
  want.nan_to_num(0.0).backward(dy.to(at::kDouble));
  EXPECT_LT(relative(y, want.nan_to_num(0.0)), row.tolerance);
  EXPECT_LT(relative(qkv.grad(), twin.grad().nan_to_num(0.0)), row.tolerance);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(causal_attention(qkv, row.shape, row.segments).equal(y.detach()));
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

const std::vector<AttentionSegment> kRows40{{0, 0, 40}, {1, 0, 40}};
INSTANTIATE_TEST_SUITE_P(
    Heads, CausalAttentionCase,
    testing::Values(
        Case{"grouped", at::kFloat, {6, 2, 8}, 40, kRows40, 2e-6},
        Case{"plain", at::kFloat, {3, 3, 16}, 40, kRows40, 2e-6},
        Case{"one kv head", at::kFloat, {4, 1, 6}, 40, kRows40, 2e-6},
        Case{"of 80", at::kFloat, {2, 1, 80}, 40, kRows40, 2e-6},
        Case{"of 128", at::kFloat, {2, 2, 128}, 40, kRows40, 2e-6},
        Case{"of 2", at::kFloat, {2, 1, 2}, 40, kRows40, 2e-6},
        Case{"bf16", at::kBFloat16, {6, 2, 8}, 40, kRows40, 1e-2}),
    case_name);

using Segments = std::vector<AttentionSegment>;
INSTANTIATE_TEST_SUITE_P(
    Lengths, CausalAttentionCase,
    testing::Values(Case{"one token",
                         at::kFloat,
                         {2, 1, 8},
                         1,
                         Segments{{0, 0, 1}, {1, 0, 1}},
                         2e-6},
                    Case{"around a block",
                         at::kFloat,
                         {2, 1, 8},
                         97,
                         Segments{{0, 0, 96}, {1, 0, 97}},
                         3e-6},
                    Case{"several blocks",
                         at::kFloat,
                         {2, 1, 8},
                         300,
                         Segments{{0, 0, 300}, {1, 0, 300}},
                         3e-6},
                    Case{"padded",
                         at::kFloat,
                         {2, 2, 8},
                         150,
                         Segments{{0, 0, 131}, {1, 9, 150}},
                         3e-6},
                    Case{"packed",
                         at::kFloat,
                         {4, 2, 8},
                         150,
                         Segments{
                             {0, 0, 1}, {0, 1, 140}, {1, 0, 70}, {1, 70, 150}},
                         3e-6},
                    Case{"bf16 packed",
                         at::kBFloat16,
                         {2, 1, 64},
                         200,
                         Segments{{0, 0, 150}, {0, 150, 200}, {1, 3, 199}},
                         1e-2}),
    case_name);

TEST(CausalAttention, same_bytes_again_and_large_scores_stay_finite) {
  at::manual_seed(4);
  const HeadShape shape{4, 2, 8};
  const at::Tensor qkv = at::randn({1, 200, 64}) * 100;
  const at::Tensor y = causal_attention(qkv, shape, {{0, 0, 200}});
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_TRUE(y.equal(causal_attention(qkv, shape, {{0, 0, 200}})));
}

TEST(CausalAttention, tokens_of_no_segment_give_zeros) {
  const at::Tensor qkv = at::randn({1, 10, 12});
  const at::Tensor y = causal_attention(qkv, {1, 1, 4}, {{0, 2, 5}});
  EXPECT_EQ(y.narrow(1, 0, 2).abs().sum().item<float>(), 0.0F);
  EXPECT_EQ(y.narrow(1, 5, 5).abs().sum().item<float>(), 0.0F);
}

TEST(CausalAttention, refuses_what_does_not_fit) {
  const at::Tensor qkv = at::randn({1, 10, 12});
  const auto attend = [&](HeadShape shape, AttentionSegment segment) {
    causal_attention(qkv, shape, {segment});
  };
  EXPECT_THROW(attend({1, 1, 5}, {0, 0, 10}), ConfigError);
  EXPECT_THROW(attend({3, 2, 4}, {0, 0, 10}), ConfigError);
  EXPECT_THROW(attend({0, 1, 4}, {0, 0, 10}), ConfigError);
  EXPECT_THROW(attend({1, 1, 0}, {0, 0, 10}), ConfigError);
  EXPECT_THROW(attend({1, 1, 4}, {0, 0, 11}), ConfigError);
  EXPECT_THROW(attend({1, 1, 4}, {1, 0, 10}), ConfigError);
  EXPECT_THROW(attend({1, 1, 4}, {0, 5, 5}), ConfigError);
  EXPECT_THROW(causal_attention(qkv, {1, 1, 4}, {{0, 0, 6}, {0, 5, 10}}),
               ConfigError);
  EXPECT_THROW(causal_attention(qkv.to(at::kDouble), {1, 1, 4}, {{0, 0, 10}}),
               ConfigError);
}

}  // namespace
}  // namespace graft::nn
