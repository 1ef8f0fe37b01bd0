// A language model of one adaptable layer, for tests of the loops that only
// know nn::CausalLm. Entry points: TinyLm, tiny_plan.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "graft/match/plan.h"
#include "graft/nn/causal_lm.h"
#include "graft/nn/linear_slot.h"

namespace graft::test {

// Predicts the next token from the current one: embedding, `body`, tanh, head.
// `unused` is a slot that takes no part.
class TinyLm : public nn::CausalLm {
 public:
  static constexpr std::int64_t kVocab = 12;
  static constexpr std::int64_t kHidden = 8;

  explicit TinyLm(bool with_unused_slot = false) {
    at::manual_seed(3);
    embedding_ = register_parameter("embedding", at::randn({kVocab, kHidden}),
                                    /*requires_grad=*/false);
    head_ = register_parameter("head", at::randn({kVocab, kHidden}) * 0.5,
                               /*requires_grad=*/false);
    body_ = register_module(
        "body", std::make_shared<nn::LinearSlot>(kHidden, kHidden, false));
    if (with_unused_slot) {
      register_module(
          "unused", std::make_shared<nn::LinearSlot>(kHidden, kHidden, false));
    }
  }

  const nn::LinearSlot& body() const { return *body_; }

  at::Tensor hidden(const nn::LmInput& input) override {
    if (input.cache) {
      static_cast<Cache*>(input.cache)->count += input.input_ids.size(1);
    }
    return at::tanh(body_->forward(at::embedding(embedding_, input.input_ids)));
  }
  at::Tensor logits(const at::Tensor& hidden) override {
    return at::linear(hidden, head_);
  }
  at::Tensor loss_sum(const at::Tensor& hidden,
                      const at::Tensor& labels) override {
    const std::int64_t last = hidden.size(1) - 1;
    return at::cross_entropy_loss(
        logits(hidden.narrow(1, 0, last)).reshape({-1, kVocab}),
        labels.narrow(1, 1, last).reshape({-1}), {}, at::Reduction::Sum);
  }
  std::unique_ptr<nn::KvCache> make_cache(std::int64_t, std::int64_t) override {
    return std::make_unique<Cache>();
  }
  std::int64_t vocab_size() const override { return kVocab; }
  std::int64_t max_positions() const override { return 64; }
  at::Device device() const override { return at::kCPU; }
  void make_trainable() override {
    for (at::Tensor& parameter : parameters()) parameter.requires_grad_(true);
  }

 private:
  struct Cache : nn::KvCache {
    std::int64_t length() const override { return count; }
    std::int64_t count = 0;
  };

  at::Tensor embedding_;
  at::Tensor head_;
  std::shared_ptr<nn::LinearSlot> body_;
};

// One adapter of rank 2 on the slot `module`.
inline Plan tiny_plan(const std::vector<std::string>& modules,
                      double dropout = 0.0) {
  Plan plan;
  for (const std::string& module : modules) {
    Site site;
    site.module = module;
    site.in = site.module_out = TinyLm::kHidden;
    site.rows = {0, TinyLm::kHidden};
    site.adapter.rank = 2;
    site.adapter.alpha = 4.0;
    site.adapter.dropout = dropout;
    site.scale = lora_scale(site.adapter);
    plan.sites.push_back(site);
  }
  return plan;
}

}  // namespace graft::test
