// Sequences laid end to end in one row: logits, loss and gradients are those of
// the sequences apart.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "graft/base/error.h"
#include "support/tiny_gpt.h"

namespace graft {
namespace {

using test::distance;
using test::input_of;
using test::some_ids;
using test::tiny_model;

nn::LmInput packed_input(const at::Tensor& ids,
                         std::vector<std::int64_t> segments) {
  nn::LmInput input = input_of(ids);
  input.segments = std::move(segments);
  return input;
}

TEST(Segments, give_the_logits_of_the_sequences_apart) {
  const auto model = tiny_model();
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> lengths = {5, 1, 3, 3, 3, 7};
  const at::Tensor ids = some_ids(1, 22);
  const at::Tensor packed = model->forward_logits(packed_input(ids, lengths));
  std::int64_t begin = 0;
  for (const std::int64_t length : lengths) {
    const at::Tensor apart =
        model->forward_logits(input_of(ids.narrow(1, begin, length)));
    EXPECT_LT(distance(packed.narrow(1, begin, length), apart), 1e-5) << begin;
    begin += length;
  }
}

// The label of a segment's first token must be ignored by who packs.
TEST(Segments, give_the_gradients_of_the_sequences_apart) {
  const auto model = tiny_model();
  model->make_trainable();
  const std::vector<std::int64_t> lengths = {6, 6, 2, 9};
  const at::Tensor ids = some_ids(1, 23);
  at::Tensor labels = ids.clone();
  std::int64_t begin = 0;
  double apart = 0.0;
  for (const std::int64_t length : lengths) {
    labels[0][begin] = -100;
    const at::Tensor part = ids.narrow(1, begin, length);
    const at::Tensor loss =
        model->loss_sum(model->hidden(input_of(part)), part);
    loss.backward();
    apart += loss.item<double>();
    begin += length;
  }
  std::vector<at::Tensor> want;
  for (const at::Tensor& parameter : model->parameters()) {
    want.push_back(parameter.grad().clone());
    parameter.mutable_grad().reset();
  }
  const at::Tensor loss =
      model->loss_sum(model->hidden(packed_input(ids, lengths)), labels);
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), apart, 1e-4);
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double scale = want[i].abs().max().item<double>() + 1e-3;
    EXPECT_LT(distance(model->parameters()[i].grad(), want[i]) / scale, 2e-5)
        << model->named_parameters()[i].key();
  }
}

TEST(Segments, that_do_not_fit_are_refused) {
  const auto model = tiny_model();
  const at::Tensor ids = some_ids(1, 6);
  for (const std::vector<std::int64_t>& bad :
       {std::vector<std::int64_t>{3, 2}, {3, 4}, {6, 0}, {7, -1}}) {
    EXPECT_THROW(model->hidden(packed_input(ids, bad)), ConfigError);
  }
  EXPECT_THROW(model->hidden(packed_input(some_ids(2, 6), {6, 6})),
               ConfigError);
  nn::LmInput masked = packed_input(ids, {6});
  masked.attention_mask = at::ones({1, 6}, at::kLong);
  EXPECT_THROW(model->hidden(masked), ConfigError);
  nn::LmInput cached = packed_input(ids, {6});
  const auto cache = model->make_cache(1, 6);
  cached.cache = cache.get();
  EXPECT_THROW(model->hidden(cached), ConfigError);
}

}  // namespace
}  // namespace graft
