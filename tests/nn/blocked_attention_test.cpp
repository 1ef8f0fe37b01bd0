// Against scores, mask and softmax written out under autograd, in fp64.
#include "graft/nn/blocked_attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>
#include <vector>

namespace graft::nn {
namespace {

struct Case {
  std::int64_t queries;
  std::int64_t past;
  ScoreOptions options;
  bool grouped;
};

at::Tensor written_out(const SplitHeads& in, const ScoreOptions& options,
                       const at::Tensor& groups) {
  const std::int64_t repeat = in.q.size(1) / in.k.size(1);
  const at::Tensor k = in.k.repeat_interleave(repeat, 1);
  const at::Tensor v = in.v.repeat_interleave(repeat, 1);
  at::Tensor scores = at::matmul(in.q, k.transpose(2, 3)) * options.scale;
  if (options.soft_cap > 0) {
    scores = at::tanh(scores / options.soft_cap) * options.soft_cap;
  }
  const std::int64_t keys = k.size(2);
  const std::int64_t past = keys - in.q.size(2);
  const at::Tensor key = at::arange(keys);
  const at::Tensor query = at::arange(past, keys).unsqueeze(1);
  at::Tensor seen = key.le(query);
  if (options.window > 0)
    seen = seen.logical_and(key.gt(query - options.window));
  seen = seen.unsqueeze(0);
  if (groups.defined()) {
    const at::Tensor of_queries = groups.narrow(1, past, in.q.size(2));
    const at::Tensor same = groups.unsqueeze(1)
                                .eq(of_queries.unsqueeze(2))
                                .logical_and(groups.ge(0).unsqueeze(1));
    seen = seen.logical_and(same.logical_or(key.eq(query)));
  }
  scores = scores.masked_fill(seen.logical_not().unsqueeze(1),
                              -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), v).transpose(1, 2).flatten(2);
}

std::vector<Case> cases() {
  return {{7, 0, {0.3, 0, 0}, false},     {7, 0, {0.3, 2.0, 0}, false},
          {40, 0, {0.5, 0, 5}, false},    {40, 0, {0.5, 1.5, 5}, true},
          {300, 0, {0.4, 0, 33}, false},  {300, 0, {0.4, 3.0, 0}, true},
          {1, 12, {0.5, 2.0, 4}, false},  {5, 12, {0.5, 2.0, 4}, true},
          {200, 90, {0.5, 2.0, 50}, true}};
}

TEST(BlockedAttention, equals_the_formula_and_its_gradients) {
  for (const Case& row : cases()) {
    const std::int64_t keys = row.past + row.queries;
    SCOPED_TRACE(std::to_string(row.queries) + "+" + std::to_string(row.past));
    const auto make = [](std::vector<std::int64_t> shape) {
      return at::randn(shape, at::kDouble).requires_grad_(true);
    };
    const SplitHeads in{make({2, 4, row.queries, 6}), make({2, 2, keys, 6}),
                        make({2, 2, keys, 6})};
    at::Tensor groups;
    if (row.grouped) {
      groups = at::zeros({2, keys}, at::kLong);
      groups[0].narrow(0, 0, keys / 3).fill_(-1);
      groups[1].narrow(0, keys / 2, keys - keys / 2).fill_(1);
    }
    const at::Tensor got = blocked_attention(in, row.options, groups);
    const at::Tensor want = written_out(in, row.options, groups);
    EXPECT_LT((got - want).abs().max().item<double>(), 1e-12);
    const at::Tensor dy = at::randn_like(want);
    const auto found = torch::autograd::grad({got}, {in.q, in.k, in.v}, {dy});
    const auto wanted = torch::autograd::grad({want}, {in.q, in.k, in.v}, {dy});
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_LT((found[i] - wanted[i]).abs().max().item<double>(), 1e-11) << i;
    }
  }
}

TEST(BlockedAttention, half_types_stay_near_fp32) {
  const SplitHeads in{at::randn({1, 4, 50, 8}), at::randn({1, 2, 50, 8}),
                      at::randn({1, 2, 50, 8})};
  const ScoreOptions options{0.35, 5.0, 9};
  const at::Tensor want = blocked_attention(in, options, {});
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const at::Tensor got = blocked_attention(
        {in.q.to(type), in.k.to(type), in.v.to(type)}, options, {});
    EXPECT_EQ(got.scalar_type(), type);
    EXPECT_LT((got.to(at::kFloat) - want).abs().max().item<double>(), 0.06);
  }
}

}  // namespace
}  // namespace graft::nn
