// One test for each defect of the reference's matching, walking and base class,
// by the numbers of docs/reference-differences.md: what graft does instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

#include "graft/base/error.h"
#include "graft/nn/recompute.h"
#include "graft/nn/rms_norm.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"
#include "peft/module_walk_internal.h"
#include "peft/stand_in.h"

namespace graft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Names = std::vector<std::string>;

std::shared_ptr<nn::Linear> linear() {
  return std::make_shared<nn::Linear>(2, 2, false);
}

// `count` layers, each with linear_qkv of three parts, linear_fc1 and a norm.
struct Layers : torch::nn::Module {
  explicit Layers(int count) {
    const auto list = register_module(
        "layers", std::make_shared<torch::nn::ModuleListImpl>());
    for (int i = 0; i < count; ++i) {
      const auto layer = std::make_shared<torch::nn::Module>();
      const auto qkv = std::make_shared<nn::ColumnParallelLinear>(2, 6, false);
      qkv->set_components(
          {{"linear_q", {0, 2}}, {"linear_k", {2, 4}}, {"linear_v", {4, 6}}});
      layer->register_module("linear_qkv", qkv);
      layer->register_module("linear_fc1", linear());
      layer->register_module("norm", std::make_shared<nn::RmsNorm>(2, 1e-6));
      list->push_back(layer);
    }
  }
};

Lora lora_on(Names targets) {
  Lora method;
  method.dim = 1;
  method.target_modules = std::move(targets);
  return method;
}

Names adapted_in(const torch::nn::Module& model) {
  Names paths;
  for (const LiveAdapter& adapter : adapters_of(model)) {
    paths.push_back(adapter.site.path());
  }
  return paths;
}

template <typename Slot>
nn::LinearSlot* last_of(const torch::nn::Module& model) {
  nn::LinearSlot* slot = nullptr;
  for (const auto& module : model.modules(false)) {
    if (auto* found = dynamic_cast<Slot*>(module.get())) slot = found;
  }
  return slot;
}

TEST(ReferenceDefect, D01_dots_are_no_wildcards) {
  const Layers model(12);
  Lora method = lora_on({"*.1.linear_fc1"});
  EXPECT_EQ(method.plan(model).sites.size(), 1U);
  Lora literal = lora_on({"layers.1.linear_fc1"});
  EXPECT_EQ(literal.plan(model).sites.size(), 1U);
  literal.target_modules = {{"layers.1.*"}};
  EXPECT_EQ(literal.plan(model).sites.size(), 2U);
  literal.syntax = PatternSyntax::kMegatron;  // as it was: 1, 10 and 11
  EXPECT_EQ(literal.plan(model).sites.size(), 6U);
}

TEST(ReferenceDefect, D02_wildcards_pass_over_what_takes_no_adapter) {
  const Layers model(1);
  Lora method = lora_on({"*.norm"});
  EXPECT_THROW(method.plan(model), ConfigError);
  method.target_modules = {{"layers.0.*"}};
  const Plan plan = method.plan(model);
  EXPECT_EQ(plan.sites.size(), 2U);
  ASSERT_EQ(plan.exclusions.size(), 1U);
  EXPECT_EQ(plan.exclusions[0].path, "layers.0.norm");
}

TEST(ReferenceDefect, D03_shadowed_entries_are_told_from_unmatched_ones) {
  const Layers model(2);
  Lora method = lora_on({"layers.*.linear_fc1", "linear_fc1"});
  test::LogCapture log;
  EXPECT_EQ(method.plan(model).sites.size(), 2U);
  // The documented warning of the class is kept; rules of a recipe count a
  // shadowed entry as such (Selector.shadowed_entries_are_no_misses).
  EXPECT_THAT(test::take_warning(log).dump(), HasSubstr("linear_fc1"));
}

TEST(ReferenceDefect, D04_only_the_ending_names_a_component) {
  CanonicalLora method({"linear_q.x.linear_q"});
  EXPECT_EQ(method.canonical_mapping.begin()->first, "linear_q.x.linear_qkv");
  const Layers model(1);
  CanonicalLora all({"layers.0.*"});
  EXPECT_EQ(all.plan(model).sites.size(), 4U);  // q, k, v, fc1
}

TEST(ReferenceDefect, D05_any_subset_of_the_parts_computes) {
  Layers model(1);
  CanonicalLora method({"linear_k"});
  method.dim = 1;
  method.apply(model);
  const auto adapter = adapters_of(model).at(0);
  const at::NoGradGuard no_grad;
  adapter.b.fill_(1.0F);
  adapter.a.fill_(1.0F);
  nn::LinearSlot* slot = last_of<nn::ColumnParallelLinear>(model);
  const at::Tensor x = at::ones({1, 2});
  const at::Tensor delta = slot->forward(x) - slot->base_forward(x);
  EXPECT_TRUE(at::equal(delta.ne(0)[0].to(at::kInt),
                        at::tensor({0, 0, 1, 1, 0, 0}, at::kInt)));
}

TEST(ReferenceDefect, D06_root_containers_are_adapted_in_place) {
  torch::nn::SequentialImpl root;
  root.push_back("first", linear());
  root.push_back("second", linear());
  const auto before = root.children();
  lora_on({"0", "1"}).apply(root);
  EXPECT_THAT(adapted_in(root), ElementsAre("0", "1"));
  EXPECT_EQ(root.children(), before);
  EXPECT_EQ(root.named_children()[0].key(), "first");
  nn::Linear alone(2, 2, false);
  Lora method;
  method.target_modules.reset();  // exclude mode takes a linear root
  method.apply(alone);
  EXPECT_EQ(adapters_of(alone).size(), 1U);
}

TEST(ReferenceDefect, D07_shared_modules_have_one_set_of_adapters) {
  struct Twin : torch::nn::Module {
    Twin() {
      const auto shared = linear();
      register_module("a", shared);
      register_module("b", shared);
      const auto other =
          register_module("other", std::make_shared<torch::nn::Module>());
      other->register_module("c", shared);
    }
  } model;
  lora_on({"a", "b", "c"}).apply(model);
  EXPECT_THAT(adapted_in(model), ElementsAre("a"));
}

TEST(ReferenceDefect, D08_the_walk_reaches_every_module_once) {
  const Layers model(2);
  Names visited;
  walk_modules(model, [&](const WalkStep& step) {
    visited.push_back(step.path());
    return false;
  });
  EXPECT_THAT(visited,
              ElementsAre("", "layers", "layers.0", "layers.0.linear_qkv",
                          "layers.0.linear_fc1", "layers.0.norm", "layers.1",
                          "layers.1.linear_qkv", "layers.1.linear_fc1",
                          "layers.1.norm"));
}

TEST(ReferenceDefect, D09_a_second_application_changes_nothing) {
  Layers model(1);
  Lora method = lora_on({"layers.0.*"});
  method.apply(model);
  const Names before = adapted_in(model);
  method.apply(model);
  Lora excluding;
  excluding.dim = 1;
  excluding.target_modules.reset();
  excluding.apply(model);
  EXPECT_EQ(adapted_in(model), before);
  for (const LiveAdapter& adapter : adapters_of(model)) {
    EXPECT_TRUE(adapter.a.requires_grad());
    EXPECT_TRUE(adapter.b.requires_grad());
  }
}

TEST(ReferenceDefect, D10_an_adapted_module_keeps_its_children) {
  struct Parent : nn::Linear {
    Parent() : nn::Linear(2, 2, false) {
      register_module("linear_fc1", linear());
    }
  };
  torch::nn::Module model;
  const auto parent = model.register_module("p", std::make_shared<Parent>());
  const auto child = parent->children().at(0);
  lora_on({"p", "linear_fc1"}).apply(model);
  EXPECT_THAT(adapted_in(model), ElementsAre("p", "p.linear_fc1"));
  EXPECT_EQ(model.children().at(0), parent);
  EXPECT_EQ(parent->named_children()["linear_fc1"], child);
  int layers = 0;
  for (const auto& module : model.modules(false)) {
    if (dynamic_cast<nn::Linear*>(module.get()) != nullptr) ++layers;
  }
  EXPECT_EQ(layers, 2);
}

TEST(ReferenceDefect, D11_switching_off_returns_to_the_earlier_state) {
  Layers model(1);
  lora_on({"linear_fc1"}).apply(model);
  const LiveAdapter adapter = adapters_of(model).at(0);
  {
    const at::NoGradGuard no_grad;
    adapter.b.fill_(1.0F);
  }
  nn::LinearSlot* slot = last_of<nn::Linear>(model);
  const at::Tensor x = at::ones({1, 2});
  const auto is_on = [&] {
    return !at::equal(slot->forward(x), slot->base_forward(x));
  };
  EXPECT_TRUE(is_on());
  set_adapters_enabled(model, false);
  { const ScopedAdaptersDisabled off(model); }
  EXPECT_FALSE(is_on());  // it was off before the scope
  set_adapters_enabled(model, true);
  {
    const ScopedAdaptersDisabled off(model);
    EXPECT_FALSE(is_on());
  }
  EXPECT_TRUE(is_on());
}

TEST(ReferenceDefect, D12_recomputed_parts_give_adapters_their_gradient) {
  Layers model(1);
  lora_on({"linear_fc1"}).apply(model);
  const LiveAdapter adapter = adapters_of(model).at(0);
  nn::LinearSlot* slot = last_of<nn::Linear>(model);
  // Nothing before the part needs a gradient: the base is frozen.
  const at::Tensor x = at::ones({1, 2});
  const auto compute = [slot](const at::Tensor& input) {
    return slot->forward(input);
  };
  nn::recomputed(x, {compute, {adapter.a, adapter.b}, {}}).sum().backward();
  ASSERT_TRUE(adapter.b.grad().defined());
  EXPECT_GT(adapter.b.grad().abs().sum().item<float>(), 0.0F);
}

TEST(ReferenceDefect, D13_chunks_are_walked_under_their_own_names) {
  Layers first(1);
  Layers second(1);
  lora_on({"layers.*.linear_fc1"}).apply({&first, &second});
  EXPECT_THAT(adapted_in(first), ElementsAre("layers.0.linear_fc1"));
  EXPECT_THAT(adapted_in(second), ElementsAre("layers.0.linear_fc1"));
}

TEST(ReferenceDefect, D14_every_chunk_is_frozen_and_one_model_is_enough) {
  Layers first(1);
  Layers second(1);
  Layers single(1);
  Lora method = lora_on({"linear_fc1"});
  method.apply({&first, &second});
  method.apply(single);
  for (torch::nn::Module* model : {&first, &second, &single}) {
    for (const auto& item : model->named_parameters()) {
      const bool is_adapter = item.key().find(".lora_") != std::string::npos;
      EXPECT_EQ(item.value().requires_grad(), is_adapter) << item.key();
    }
  }
}

}  // namespace
}  // namespace graft
