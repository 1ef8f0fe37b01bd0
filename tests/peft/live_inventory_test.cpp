// What selection sees of a live module tree: layers, experts, shared modules.
#include <gtest/gtest.h>
#include <torch/nn/modules/container/modulelist.h>

#include "graft/match/selector.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/peft.h"

namespace graft {
namespace {

// layers.{0,1}.mlp.experts.{0,1}.up, and one expert that both layers share.
struct Experts : torch::nn::Module {
  Experts() {
    torch::nn::ModuleList layers;
    const auto shared = std::make_shared<nn::Linear>(4, 2, false);
    for (int layer = 0; layer < 2; ++layer) {
      auto mlp = std::make_shared<Block>();
      torch::nn::ModuleList experts;
      for (int expert = 0; expert < 2; ++expert) {
        auto block = std::make_shared<Block>();
        block->register_module("up", std::make_shared<nn::Linear>(4, 2, false));
        experts->push_back(block);
      }
      mlp->register_module("experts", experts);
      mlp->register_module("common", shared);
      auto block = std::make_shared<Block>();
      block->register_module("mlp", mlp);
      layers->push_back(block);
    }
    register_module("layers", layers);
  }

  struct Block : torch::nn::Module {};
};

TEST(LiveInventory, tells_layers_experts_and_shared_modules) {
  const Experts model;
  const Inventory inventory = make_inventory(model);
  std::size_t experts = 0;
  const ModuleInfo* common = nullptr;
  for (const ModuleInfo& info : inventory.modules) {
    if (info.name() == "up") {
      ++experts;
      EXPECT_TRUE(info.layer && info.expert) << info.path;
      EXPECT_EQ(info.path, "layers." + std::to_string(*info.layer) +
                               ".mlp.experts." + std::to_string(*info.expert) +
                               ".up");
    } else if (info.name() == "common") {
      EXPECT_EQ(info.same_as.has_value(), common != nullptr) << info.path;
      if (info.same_as) {
        EXPECT_EQ(&inventory.modules[*info.same_as], common);
      }
      common = &info;
      EXPECT_FALSE(info.expert);
    }
  }
  EXPECT_EQ(experts, 4u);
}

// Rules with kinds select on a live model as they do on a file.
TEST(LiveInventory, kinds_select_on_a_live_model) {
  Rule held;
  held.targets = {"*.experts.0.*"};
  held.adapt = false;
  Rule experts;
  experts.targets = {"kind=expert"};
  experts.adapter.rank = 1;
  Experts model;
  const Plan plan =
      Selector::compile({held, experts}).select(make_inventory(model));
  ASSERT_EQ(plan.sites.size(), 2u);
  EXPECT_EQ(plan.sites[0].module, "layers.0.mlp.experts.1.up");
  EXPECT_EQ(plan.sites[1].module, "layers.1.mlp.experts.1.up");
}

}  // namespace
}  // namespace graft
