// The model on a GPU against the model on the CPU: logits, loss and gradients
// of adapters. Says so where there is no GPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>
#include <vector>

#include "graft/checkpoint/base_model.h"
#include "graft/match/selector.h"
#include "graft/peft/inject.h"
#include "support/shared_data.h"

namespace graft::test {
namespace {

struct Result {
  at::Tensor logits;
  at::Tensor loss;
  std::vector<at::Tensor> gradients;  // of A and B, site by site
};

Result run_on(const std::string& device) {
  const BaseModel base = load_base_model(source_path("examples/tiny/model"),
                                         {device, "fp32", "auto"});
  Rule rule;
  rule.targets = {"all-linear"};
  inject(*base.model, Selector::compile({rule}).select(base.inventory));
  std::vector<at::Tensor> trained;
  at::manual_seed(7);
  const at::NoGradGuard no_grad;
  for (const LiveAdapter& adapter : adapters_of(*base.model)) {
    for (at::Tensor tensor : {adapter.a, adapter.b}) {
      tensor.copy_(at::randn(tensor.sizes()) * 0.05);
      trained.push_back(tensor);
    }
  }
  const at::AutoGradMode grad(true);
  nn::LmInput input;
  input.input_ids = at::arange(1, 41).view({2, 20});
  input.attention_mask = at::ones({2, 20}, at::TensorOptions(at::kLong));
  input.attention_mask[1].narrow(0, 15, 5).zero_();
  at::Tensor labels = input.input_ids.clone();
  labels.masked_fill_(input.attention_mask.eq(0), -100);
  const at::Tensor hidden = base.model->hidden(input);
  Result out{base.model->logits(hidden).detach().cpu(), {}, {}};
  const at::Tensor loss = base.model->loss_sum(hidden, labels);
  loss.backward();
  out.loss = loss.detach().cpu();
  for (const at::Tensor& tensor : trained) {
    out.gradients.push_back(tensor.grad().cpu());
  }
  return out;
}

TEST(Device, cpu_again_gives_the_same_bits) {
  const Result first = run_on("cpu");
  const Result second = run_on("cpu");
  EXPECT_TRUE(first.logits.equal(second.logits));
  ASSERT_FALSE(first.gradients.empty());
  for (std::size_t i = 0; i < first.gradients.size(); ++i) {
    EXPECT_GT(first.gradients[i].abs().max().item<float>(), 0.0F) << i;
    EXPECT_TRUE(first.gradients[i].equal(second.gradients[i])) << i;
  }
}

TEST(Device, cuda_equals_cpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "this LibTorch has no CUDA device";
  const Result cpu = run_on("cpu");
  const Result cuda = run_on("cuda");
  // Rows of padding mean nothing.
  EXPECT_LT((cpu.logits[0] - cuda.logits[0]).abs().max().item<float>(), 1e-3F);
  EXPECT_NEAR(cpu.loss.item<float>(), cuda.loss.item<float>(), 1e-2);
  for (std::size_t i = 0; i < cpu.gradients.size(); ++i) {
    const float scale = cpu.gradients[i].abs().max().item<float>();
    EXPECT_LT((cpu.gradients[i] - cuda.gradients[i]).abs().max().item<float>(),
              1e-3F * scale)
        << i;
  }
}

}  // namespace
}  // namespace graft::test
