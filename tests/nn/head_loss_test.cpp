// The loss of heads that are frozen, adapted or trained, chunk by chunk: its
// gradients against plain autograd, and the memory it takes.
#include "graft/nn/head_loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <set>

#include "nn/head_loss_internal.h"
#include "support/memory_meter.h"

namespace graft::nn {
namespace {

// Relative to the largest value: sums over all rows grow with their number.
double distance(const at::Tensor& got, const at::Tensor& want) {
  return (got - want).abs().max().item<double>() /
         want.abs().max().item<double>();
}

// A low-rank step on the frozen product, under autograd.
class LowRankOp : public LinearOp {
 public:
  LowRankOp(at::Tensor a, at::Tensor b) : a_(std::move(a)), b_(std::move(b)) {}
  at::Tensor forward(const LinearSlot& slot, const LinearInput& x) override {
    numbers.insert(x.value.size(0));
    return slot.base_forward(x.value) + at::linear(at::linear(x.value, a_), b_);
  }
  std::set<std::int64_t> numbers;  // of rows that were multiplied

 private:
  at::Tensor a_, b_;
};

// 3000 rows of 9 logits are three chunks.
constexpr std::int64_t kRows = 3000;
constexpr std::int64_t kVocabulary = 9;

struct Data {
  at::Tensor weight = at::randn({kVocabulary, 4});
  at::Tensor x = at::randn({kRows, 4}).requires_grad_(true);
  at::Tensor targets = at::randint(0, kVocabulary, {kRows}, at::kLong);
};

at::Tensor definition(const at::Tensor& logits, const at::Tensor& targets) {
  return at::cross_entropy_loss(logits, targets, {}, at::Reduction::Sum);
}

// Rows that are multiplied for the sake of their number count for nothing.
TEST(HeadLoss, half_types_multiply_few_numbers_of_rows) {
  std::set<std::int64_t> numbers;
  for (std::int64_t rows = 1; rows <= 1024; ++rows) {
    const std::int64_t all = multiplied_rows(rows, 1024, true);
    EXPECT_GE(all, rows);
    EXPECT_LE(all, 1024);
    EXPECT_EQ(multiplied_rows(rows, 1024, false), rows);
    numbers.insert(all);
  }
  EXPECT_EQ(numbers.size(), 8U);
  at::manual_seed(12);
  const at::Tensor weight = at::randn({kVocabulary, 4}).to(at::kBFloat16);
  const auto head = FrozenWeight::make(
      {{weight, nullptr}}, ComputeMode::kNative, WeightLayout::kBlocks);
  const at::Tensor x =
      at::randn({1030, 4}).to(at::kBFloat16).requires_grad_(true);
  const at::Tensor targets = at::randint(0, kVocabulary, {1030}, at::kLong);
  const at::Tensor loss = frozen_head_loss(x, head, targets);
  loss.backward();
  const at::Tensor wide = x.detach().to(at::kFloat).requires_grad_(true);
  const at::Tensor want =
      definition(at::linear(wide, weight.to(at::kFloat)), targets);
  want.backward();
  // Logits and their gradients are rounded to 8 bits.
  EXPECT_NEAR(loss.item<double>() / want.item<double>(), 1.0, 2e-3);
  EXPECT_LT(distance(x.grad().to(at::kFloat), wide.grad()), 1e-2);
}

// Without it memory grew with each number of labels that a run saw.
TEST(HeadLoss, adapted_heads_of_half_types_multiply_few_numbers_of_rows) {
  at::manual_seed(14);
  const at::Tensor weight = at::randn({kVocabulary, 4}).to(at::kBFloat16);
  LinearSlot head(FrozenWeight::make({{weight, nullptr}}, ComputeMode::kNative,
                                     WeightLayout::kBlocks),
                  {});
  const at::Tensor a =
      head.register_parameter("a", at::randn({2, 4}).to(at::kBFloat16), false);
  const at::Tensor b = head.register_parameter(
      "b", at::randn({kVocabulary, 2}).to(at::kBFloat16));
  const auto op = std::make_shared<LowRankOp>(a, b);
  head.set_op(op);
  for (const std::int64_t rows : {1, 60, 128, 300, 301, 1030}) {
    const at::Tensor x =
        at::randn({rows, 4}).to(at::kBFloat16).requires_grad_(true);
    const at::Tensor targets = at::randint(0, kVocabulary, {rows}, at::kLong);
    b.mutable_grad() = at::Tensor();
    const at::Tensor loss = head_loss(x, head, targets);
    loss.backward();
    const at::Tensor wide = x.detach().to(at::kFloat).requires_grad_(true);
    const at::Tensor b2 = b.detach().to(at::kFloat).requires_grad_(true);
    const at::Tensor low = at::linear(wide, a.to(at::kFloat));
    const at::Tensor want = definition(
        at::linear(wide, weight.to(at::kFloat)) + at::linear(low, b2), targets);
    want.backward();
    // Logits, their parts and their gradients are rounded to 8 bits.
    EXPECT_NEAR(loss.item<double>() / want.item<double>(), 1.0, 1e-2) << rows;
    EXPECT_LT(distance(x.grad().to(at::kFloat), wide.grad()), 3e-2) << rows;
    EXPECT_LT(distance(b.grad().to(at::kFloat), b2.grad()), 3e-2) << rows;
  }
  EXPECT_EQ(op->numbers, (std::set<std::int64_t>{128, 384, 1024}));
}

TEST(HeadLoss, of_an_adapted_head) {
  at::manual_seed(11);
  const Data data;
  LinearSlot head(FrozenWeight::make({{data.weight, nullptr}},
                                     ComputeMode::kFp32, WeightLayout::kBlocks),
                  {});
  const at::Tensor a = head.register_parameter("a", at::randn({2, 4}));
  const at::Tensor b =
      head.register_parameter("b", at::randn({kVocabulary, 2}));
  head.set_op(std::make_shared<LowRankOp>(a, b));
  const at::Tensor loss = head_loss(data.x, head, data.targets);
  (loss * 0.5).backward();
  const at::Tensor x = data.x.detach().requires_grad_(true);
  const at::Tensor a2 = a.detach().clone().requires_grad_(true);
  const at::Tensor b2 = b.detach().clone().requires_grad_(true);
  const at::Tensor want =
      definition(at::linear(x, data.weight) + at::linear(at::linear(x, a2), b2),
                 data.targets);
  (want * 0.5).backward();
  EXPECT_NEAR(loss.item<double>() / want.item<double>(), 1.0, 1e-6);
  EXPECT_LT(distance(data.x.grad(), x.grad()), 1e-5);
  EXPECT_LT(distance(a.grad(), a2.grad()), 1e-5);
  EXPECT_LT(distance(b.grad(), b2.grad()), 1e-5);
  const at::NoGradGuard no_grad;
  EXPECT_EQ(head_loss(data.x, head, data.targets).item<float>(),
            loss.item<float>());
}

TEST(HeadLoss, of_a_trained_head) {
  at::manual_seed(11);
  const Data data;
  LinearSlot head(4, kVocabulary, false);
  const at::Tensor loss = head_loss(data.x, head, data.targets);
  (loss * 0.5).backward();
  const at::Tensor x = data.x.detach().requires_grad_(true);
  const at::Tensor weight = head.weight().detach().clone().requires_grad_(true);
  (definition(at::linear(x, weight), data.targets) * 0.5).backward();
  EXPECT_LT(distance(data.x.grad(), x.grad()), 1e-5);
  EXPECT_LT(distance(head.weight().grad(), weight.grad()), 1e-5);
  // Only the head is trained: x needs no gradient.
  head.weight().mutable_grad().reset();
  head_loss(x.detach(), head, data.targets).backward();
  EXPECT_LT(distance(head.weight().grad() * 0.5, weight.grad()), 1e-5);
}

TEST(HeadLoss, of_a_head_with_bias) {
  at::manual_seed(11);
  const Data data;
  LinearSlot head(4, kVocabulary, true);
  const at::Tensor loss = head_loss(data.x, head, data.targets);
  loss.backward();
  const at::Tensor want =
      definition(at::linear(data.x, head.weight(), head.bias()), data.targets);
  EXPECT_NEAR(loss.item<double>() / want.item<double>(), 1.0, 1e-6);
  EXPECT_TRUE(head.bias().grad().defined());
}

struct ChunkRow {
  std::int64_t vocabulary;
  std::int64_t bytes;
  std::int64_t rows;
};

TEST(HeadLoss, a_chunk_never_exceeds_64_mib) {
  const ChunkRow rows[] = {{9, 4, 1024},
                           {32000, 4, 262},
                           {49152, 4, 256},
                           {49152, 2, 256},
                           {128256, 4, 130},
                           {151936, 4, 110},
                           {151936, 2, 220},
                           {262144, 4, 64},
                           {262144, 2, 128},
                           {1 << 24, 4, 1},
                           {std::int64_t{1} << 40, 4, 1}};
  for (const ChunkRow& row : rows) {
    EXPECT_EQ(head_chunk_rows(row.vocabulary, row.bytes), row.rows)
        << row.vocabulary;
    EXPECT_TRUE(row.rows == 1 || row.rows * row.vocabulary * row.bytes <=
                                     std::int64_t{64} << 20);
  }
}

// What the loss takes beyond its inputs and the gradients that it returns.
std::int64_t extra_bytes(const at::Tensor& x, LinearSlot& head,
                         std::int64_t returned) {
  const at::Tensor targets = at::zeros({x.size(0)}, at::kLong);
  const test::MemoryMeter meter;
  head_loss(x, head, targets);
  return meter.peak() - returned;
}

TEST(HeadLoss, takes_64_mib_at_any_vocabulary) {
  constexpr std::int64_t kLarge = 262144;
  constexpr std::int64_t kSlack = 1 << 20;
  const at::Tensor x = at::randn({300, 4}).requires_grad_(true);
  const auto bytes = [](const at::Tensor& t) {
    return static_cast<std::int64_t>(t.nbytes());
  };
  LinearSlot frozen(
      FrozenWeight::make({{at::randn({kLarge, 4}), nullptr}},
                         ComputeMode::kFp32, WeightLayout::kBlocks),
      {});
  EXPECT_LE(extra_bytes(x, frozen, bytes(x)), kHeadChunkBytes + kSlack);
  EXPECT_GT(extra_bytes(x, frozen, bytes(x)), kHeadChunkBytes / 2);
  LinearSlot trained(4, kLarge, false);
  EXPECT_LE(extra_bytes(x, trained, bytes(x) + bytes(trained.weight())),
            kHeadChunkBytes + kSlack);
}

}  // namespace
}  // namespace graft::nn
