// The count of what a training step takes, against what it takes.
#include "graft/models/gpt_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <set>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/peft/inject.h"
#include "support/memory_meter.h"
#include "support/tiny_gpt.h"

namespace graft {
namespace {

using Names = std::set<std::string>;

Plan plan_of(nn::CausalLm& model, const Names& modules) {
  Plan plan;
  for (const std::string& module : modules) {
    const auto slot = std::dynamic_pointer_cast<nn::LinearSlot>(
        model.named_modules("", false)[module]);
    Site site;
    site.module = module;
    site.in = slot->in();
    site.module_out = slot->out();
    site.rows = {0, slot->out()};
    site.adapter.rank = 1;
    plan.sites.push_back(site);
  }
  return plan;
}

struct Case {
  Names adapted;  // empty: every weight is trained
  bool recompute;
};

std::string layer(int n, const char* name) {
  std::string path = "decoder.layers.";
  path.append(std::to_string(n)).append(1, '.').append(name);
  return path;
}

std::vector<Case> cases() {
  const Names all = {layer(0, "self_attention.linear_qkv"),
                     layer(0, "self_attention.linear_proj"),
                     layer(0, "mlp.linear_fc1"),
                     layer(0, "mlp.linear_fc2"),
                     layer(1, "self_attention.linear_qkv"),
                     layer(1, "self_attention.linear_proj"),
                     layer(1, "mlp.linear_fc1"),
                     layer(1, "mlp.linear_fc2")};
  return {{all, false},
          {all, true},
          {{layer(1, "mlp.linear_fc1")}, false},
          {{layer(1, "mlp.linear_fc2")}, false},
          {{layer(0, "self_attention.linear_proj")}, false},
          {{layer(0, "self_attention.linear_proj")}, true},
          {{}, false},
          {{}, true}};
}

// The tiny model's biases and masks stay below the slack.
TEST(GptMemory, counts_what_forward_keeps) {
  constexpr std::int64_t kTokens = 4 * 60;
  for (const Case& row : cases()) {
    const auto model = test::tiny_model();
    if (row.adapted.empty()) {
      model->make_trainable();
    } else {
      inject(*model, plan_of(*model, row.adapted));
    }
    model->set_checkpoint_activations(row.recompute);
    const nn::LmInput input = test::input_of(test::some_ids(4, 60));
    model->hidden(input);  // what is made once
    const test::MemoryMeter meter;
    const at::Tensor hidden = model->hidden(input);
    const GptStep step{.tokens = kTokens,
                       .recompute = row.recompute,
                       .full = row.adapted.empty()};
    const GptStepMemory count =
        gpt_step_memory(*model, step, [&](const std::string& path) {
          return row.adapted.contains(path) ? 1 : 0;
        });
    // The last sum and norm are the head's.
    const std::int64_t want = count.kept + 2 * kTokens * 24 * 4;
    EXPECT_NEAR(
        static_cast<double>(meter.current()) / static_cast<double>(want), 1.0,
        0.12)
        << row.adapted.size() << (row.recompute ? " recomputed" : "");
  }
}

TEST(GptMemory, grows_with_tokens_and_shrinks_when_recomputed) {
  const auto model = test::tiny_model();
  const auto all = [](const std::string&) { return std::int64_t{1}; };
  GptStep step{.tokens = 100, .labels = 50};
  const GptStepMemory small = gpt_step_memory(*model, step, all);
  step.tokens = 200;
  const GptStepMemory large = gpt_step_memory(*model, step, all);
  EXPECT_EQ(large.kept, 2 * small.kept);
  EXPECT_EQ(large.block, 2 * small.block);
  EXPECT_GT(large.head, small.head);
  step.recompute = true;
  const GptStepMemory again = gpt_step_memory(*model, step, all);
  EXPECT_LT(again.kept, large.kept / 3);
  EXPECT_GT(again.block, large.block);
}

TEST(GptMemory, counts_parameters) {
  for (const bool tied : {false, true}) {
    const auto model = test::tiny_model(tied);
    model->make_trainable();
    std::int64_t sum = 0;
    for (const at::Tensor& p : model->parameters()) sum += p.numel();
    EXPECT_EQ(gpt_parameters(gpt_config(*model)), sum);
  }
}

}  // namespace
}  // namespace graft
