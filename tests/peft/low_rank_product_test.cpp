// An adapted layer whose input is made again in backward: every gradient has
// the bits that it has when the input is kept, and the input is gone between.
#include "peft/low_rank_product_internal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "graft/base/block_format.h"
#include "graft/nn/gated_activation.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/inject.h"
#include "support/memory_meter.h"

namespace graft {
namespace {

constexpr std::int64_t kIn = 32;
constexpr std::int64_t kOut = 10;

enum class Base { kFp32, kBf16, kQuantised };

struct Case {
  Base base = Base::kFp32;
  bool with_bias = false;
  std::vector<double> dropout = {0.0, 0.0};  // of each part
};

// 34 bytes a row: a half scale and 32 signed bytes.
nn::WeightBlock quantised_block() {
  constexpr std::size_t kRowBytes = 34;
  constexpr std::uint32_t kQ8 = 8;
  auto bytes =
      std::make_shared<std::vector<std::byte>>(std::size_t{kOut} * kRowBytes);
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    (*bytes)[i] = static_cast<std::byte>(i * 37 % 251);
    if (i % kRowBytes == 0) (*bytes)[i] = std::byte{0x00};
    if (i % kRowBytes == 1) (*bytes)[i] = std::byte{0x20};  // 2^-7
  }
  nn::WeightBlock block;
  block.stored.owner = bytes;
  block.stored.format = find_block_format(kQ8);
  block.stored.shape = {kOut, kIn};
  block.stored.bytes = *bytes;
  return block;
}

c10::intrusive_ptr<nn::FrozenWeight> weight_of(Base base) {
  using nn::ComputeMode;
  if (base == Base::kQuantised) {
    return nn::FrozenWeight::make({quantised_block()}, ComputeMode::kFp32,
                                  nn::WeightLayout::kBlocks);
  }
  const bool half = base == Base::kBf16;
  return nn::FrozenWeight::make(
      {{at::randn({kOut, kIn}).to(half ? at::kBFloat16 : at::kFloat), nullptr}},
      half ? ComputeMode::kNative : ComputeMode::kFp32,
      nn::WeightLayout::kBlocks);
}

// A gated activation and the adapted layer behind it.
struct Part : torch::nn::Module {
  explicit Part(const Case& row) {
    auto weight = weight_of(row.base);
    const at::Tensor bias = row.with_bias
                                ? at::randn({kOut}).to(weight->compute_type())
                                : at::Tensor();
    fc = register_module("fc",
                         std::make_shared<nn::Linear>(std::move(weight), bias));
    Plan plan;
    for (std::size_t i = 0; i < row.dropout.size(); ++i) {
      Site site;
      site.module = "fc";
      site.component = i == 0 ? "linear_q" : "linear_v";
      site.rows = i == 0 ? RowSet{0, 4} : RowSet{6, kOut};
      site.in = kIn;
      site.module_out = kOut;
      site.adapter.rank = 3;
      site.adapter.dropout = row.dropout[i];
      site.scale = 0.5;
      plan.sites.push_back(site);
    }
    adapters = inject(*this, plan);
    const at::NoGradGuard no_grad;
    for (const LiveAdapter& adapter : adapters) at::Tensor(adapter.b).normal_();
    set_dropout_counter(*this, {.seed = 4, .step = 7, .micro_batch = 1});
  }
  std::shared_ptr<nn::Linear> fc;
  std::vector<LiveAdapter> adapters;
};

std::vector<at::Tensor> values_and_gradients(Part& part,
                                             const at::Tensor& gate_up,
                                             bool remade) {
  const nn::LinearInput in = nn::gated_input(nn::Gate::kSilu, gate_up);
  const at::Tensor y =
      part.fc->forward(remade ? in : nn::LinearInput(in.value));
  std::vector<at::Tensor> leaves{gate_up};
  for (const LiveAdapter& adapter : part.adapters) {
    leaves.push_back(adapter.a);
    leaves.push_back(adapter.b);
  }
  std::vector<at::Tensor> out =
      torch::autograd::grad({y}, leaves, {at::randn_like(y.detach())});
  out.push_back(y.detach());
  return out;
}

TEST(LowRankProduct, same_bits_from_an_input_made_again) {
  for (const Case& row :
       {Case{}, Case{.with_bias = true}, Case{.dropout = {0.3, 0.3}},
        Case{.dropout = {0.0, 0.3}}, Case{Base::kBf16},
        Case{Base::kBf16, true, {0.3, 0.3}}, Case{Base::kQuantised},
        Case{Base::kQuantised, false, {0.3, 0.0}}}) {
    at::manual_seed(3);
    Part part(row);
    const at::Tensor gate_up = at::randn({2, 5, 2 * kIn})
                                   .to(part.fc->compute_type())
                                   .requires_grad_(true);
    std::vector<std::vector<at::Tensor>> found;
    for (const bool remade : {false, true}) {
      at::manual_seed(8);
      found.push_back(values_and_gradients(part, gate_up, remade));
    }
    ASSERT_EQ(found[0].size(), 6U);
    for (std::size_t i = 0; i < found[0].size(); ++i) {
      EXPECT_TRUE(at::equal(found[0][i], found[1][i]))
          << i << " of base " << static_cast<int>(row.base);
      EXPECT_GT(found[0][i].abs().sum().item<double>(), 0.0);
    }
  }
}

TEST(LowRankProduct, keeps_no_input_that_can_be_made_again) {
  constexpr std::int64_t kRows = 400;
  Part part({});
  const at::Tensor gate_up = at::randn({kRows, 2 * kIn}).requires_grad_(true);
  std::vector<std::int64_t> kept;
  for (const bool remade : {false, true}) {
    const test::MemoryMeter meter;
    at::Tensor y;
    {
      const nn::LinearInput in = nn::gated_input(nn::Gate::kSilu, gate_up);
      y = part.fc->forward(remade ? in : nn::LinearInput(in.value));
    }
    kept.push_back(meter.current());
  }
  EXPECT_EQ(kept[0] - kept[1], kRows * kIn * 4);
}

TEST(LowRankProduct, tells_when_a_source_was_overwritten) {
  Part part({});
  const at::Tensor leaf = at::randn({4, 2 * kIn}).requires_grad_(true);
  at::Tensor gate_up = leaf * 2;
  const at::Tensor y =
      part.fc->forward(nn::gated_input(nn::Gate::kSilu, gate_up));
  gate_up.detach().zero_();
  EXPECT_THROW(torch::autograd::grad({y.sum()}, {part.adapters[0].a}),
               c10::Error);
}

}  // namespace
}  // namespace graft
