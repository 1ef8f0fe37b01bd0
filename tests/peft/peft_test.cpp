// The documented call of a method: order, idempotence, errors, live plans.
#include "graft/peft/peft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include "graft/base/error.h"
#include "graft/nn/rms_norm.h"
#include "graft/nn/te_linear.h"
#include "graft/peft/inject.h"
#include "graft/peft/lora.h"
#include "peft/stand_in.h"

namespace graft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Names = std::vector<std::string>;

// Two decoder layers with Megatron's names, width 4.
struct Layer : torch::nn::Module {
  Layer() {
    register_module("input_layernorm", std::make_shared<nn::RmsNorm>(4, 1e-6));
    qkv = register_module(
        "linear_qkv", std::make_shared<nn::ColumnParallelLinear>(4, 8, false));
    qkv->set_components(
        {{"linear_q", {0, 4}}, {"linear_k", {4, 6}}, {"linear_v", {6, 8}}});
    register_module("linear_proj",
                    std::make_shared<nn::RowParallelLinear>(4, 4, false));
    fc1 = register_module(
        "linear_fc1", std::make_shared<nn::ColumnParallelLinear>(4, 12, false));
    fc1->set_components(
        {{"linear_fc1_gate", {0, 6}}, {"linear_fc1_up", {6, 12}}});
    register_module("linear_fc2",
                    std::make_shared<nn::RowParallelLinear>(6, 4, false));
  }
  std::shared_ptr<nn::LinearSlot> qkv;
  std::shared_ptr<nn::LinearSlot> fc1;
};

struct Model : torch::nn::Module {
  Model() {
    layers = register_module("layers",
                             std::make_shared<torch::nn::ModuleListImpl>());
    layers->push_back(std::make_shared<Layer>());
    layers->push_back(std::make_shared<Layer>());
    head = register_module(
        "output_layer",
        std::make_shared<nn::ColumnParallelLinear>(4, 9, false));
    head->set_output_head(true);
  }
  std::shared_ptr<torch::nn::ModuleListImpl> layers;
  std::shared_ptr<nn::LinearSlot> head;
};

Names paths_of(const std::vector<LiveAdapter>& adapters) {
  Names paths;
  for (const LiveAdapter& adapter : adapters) {
    paths.push_back(adapter.site.path());
  }
  return paths;
}

std::string fault_of(Peft& method, torch::nn::Module& model) {
  try {
    method.apply(model);
  } catch (const ConfigError& error) {
    EXPECT_TRUE(adapters_of(model).empty());
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(Peft, adapts_the_linears_of_the_layers_and_freezes_the_rest) {
  Model model;
  Lora method;
  method.dim = 2;
  method.alpha = 6.0;
  method.apply(model);
  const auto adapters = adapters_of(model);
  EXPECT_EQ(adapters.size(), 8U);
  EXPECT_EQ(adapters[0].site.path(), "layers.0.linear_qkv");
  EXPECT_EQ(adapters[4].site.layer, 1);
  EXPECT_EQ(adapters[0].site.scale, 3.0);
  for (const auto& item : model.named_parameters()) {
    const bool is_adapter = item.key().find(".lora_") != std::string::npos;
    EXPECT_EQ(item.value().requires_grad(), is_adapter) << item.key();
  }
  EXPECT_TRUE(model.is_training());
}

TEST(Peft, applied_twice_changes_nothing_and_leaves_adapters_trainable) {
  Model model;
  CanonicalLora method;
  method.dim = 2;
  method.apply(model);
  const auto before = adapters_of(model);
  method.apply(model);
  const auto after = adapters_of(model);
  ASSERT_EQ(before.size(), 14U);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_TRUE(after[i].a.is_same(before[i].a));
    EXPECT_TRUE(after[i].a.requires_grad());
  }
  Lora everything;
  everything.target_modules = {{"*"}};
  EXPECT_THROW(everything.apply(model), ConfigError);
}

TEST(Peft, without_training_freezes_adapters_and_evaluates) {
  Model model;
  Lora method;
  method.apply(model, false);
  for (const auto& item : model.named_parameters()) {
    EXPECT_FALSE(item.value().requires_grad()) << item.key();
  }
  EXPECT_FALSE(model.is_training());
  method.apply(model);
  EXPECT_TRUE(adapters_of(model)[0].a.requires_grad());
}

TEST(Peft, canonical_takes_any_subset_of_the_parts) {
  Model model;
  CanonicalLora method({"*.0.linear_k", "linear_fc1_up", "linear_proj"});
  method.dim = 2;
  method.apply(model);
  EXPECT_THAT(paths_of(adapters_of(model)),
              ElementsAre("layers.0.linear_k", "layers.0.linear_proj",
                          "layers.0.linear_fc1_up", "layers.1.linear_proj",
                          "layers.1.linear_fc1_up"));
  EXPECT_EQ(adapters_of(model)[0].site.rows, (RowSet{4, 6}));
}

// Regressions: a trailing wildcard gave an adapter-less wrapper, and every
// occurrence of a component's name was replaced.
TEST(Peft, canonical_wildcards_mean_all_parts) {
  Model model;
  CanonicalLora method({"layers.0.*"});
  EXPECT_EQ(method.plan(model).sites.size(), 7U);
  CanonicalLora twice({"linear_q.x.linear_q"});
  twice.init_target_match_state();
  EXPECT_EQ(twice.canonical_mapping.begin()->first, "linear_q.x.linear_qkv");
}

TEST(Peft, canonical_asks_for_the_parts_of_a_fused_layer) {
  Model model;
  std::dynamic_pointer_cast<Layer>(model.layers->children()[0])
      ->qkv->set_components({});
  CanonicalLora method({"linear_q"});
  EXPECT_THAT(fault_of(method, model), HasSubstr("set_components"));
}

TEST(Peft, warns_about_unmatched_entries_as_documented) {
  Model model;
  Lora method;
  method.target_modules = {{"linear_qkv", "q_proj", "gate_proj"}};
  test::LogCapture log;
  const Plan plan = method.plan(model);
  EXPECT_EQ(test::take_warning(log),
            "No modules matched the requested target_modules entries: "
            "gate_proj, q_proj");
  ASSERT_EQ(plan.entries.size(), 3U);
  EXPECT_EQ(plan.entries[0].sites.size(), 2U);
  EXPECT_TRUE(adapters_of(model).empty());
  EXPECT_TRUE(model.head->weight().requires_grad());
}

TEST(Peft, passes_over_norms_below_a_wildcard_but_not_a_named_one) {
  Model model;
  Lora method;
  method.target_modules = {{"layers.0.*"}};
  const Plan plan = method.plan(model);
  EXPECT_EQ(plan.sites.size(), 4U);
  ASSERT_EQ(plan.exclusions.size(), 1U);
  EXPECT_EQ(plan.exclusions[0].path, "layers.0.input_layernorm");
  method.target_modules = {{"input_layernorm"}};
  EXPECT_THAT(fault_of(method, model), HasSubstr("takes no adapter"));
  method.target_modules = {{"*norm"}};
  EXPECT_THAT(fault_of(method, model), HasSubstr("takes no adapter"));
}

TEST(Peft, refuses_a_linear_that_it_cannot_enter) {
  struct Foreign : torch::nn::Module {
    Foreign() { register_module("fc", torch::nn::Linear(2, 2)); }
  } model;
  Lora method;
  method.target_modules.reset();
  EXPECT_THAT(fault_of(method, model), HasSubstr("use graft::nn::Linear"));
}

TEST(Peft, shares_the_adapter_of_a_shared_layer) {
  struct Twin : torch::nn::Module {
    Twin() {
      auto shared = std::make_shared<nn::Linear>(2, 2, false);
      register_module("a", shared);
      register_module("b", shared);
    }
  } model;
  Lora method;
  method.target_modules = {{"b", "a"}};
  const test::LogCapture log;
  method.apply(model);
  EXPECT_THAT(paths_of(adapters_of(model)), ElementsAre("a"));
}

TEST(Peft, adapts_every_chunk_or_none) {
  Model first;
  Model second;
  struct Foreign : torch::nn::Module {
    Foreign() { register_module("linear_qkv", torch::nn::Linear(2, 2)); }
  } third;
  Lora method;
  EXPECT_THROW(method.apply({&first, &second, &third}), ConfigError);
  EXPECT_TRUE(adapters_of(first).empty());
  method.apply({&first, &second});
  EXPECT_EQ(adapters_of(second).size(), 8U);
}

TEST(Peft, adapts_a_layer_that_chunks_share_once) {
  struct Part : torch::nn::Module {
    explicit Part(std::shared_ptr<nn::Linear> shared) {
      register_module("fc", std::move(shared));
    }
  };
  const auto shared = std::make_shared<nn::Linear>(2, 2, false);
  Part first(shared);
  Part second(shared);
  Lora method;
  method.target_modules = {{"fc"}};
  method.apply({&first, &second});
  EXPECT_EQ(adapters_of(first).size(), 1U);
  EXPECT_EQ(adapters_of(second).size(), 1U);
}

// What a plan selects and why.
Names lines_of(const Plan& plan) {
  Names lines;
  for (const Site& site : plan.sites) {
    lines.push_back(site.path() + " by " + site.pattern);
  }
  for (const EntryReport& entry : plan.entries) {
    lines.push_back(entry.entry + ": " + std::to_string(entry.sites.size()));
  }
  for (const Exclusion& exclusion : plan.exclusions) {
    lines.push_back(exclusion.path + ": " + exclusion.reason);
  }
  return lines;
}

// Follows the virtuals, and counts them.
class Narrowed : public Lora {
 public:
  std::optional<Match> match(const torch::nn::Module& m,
                             std::optional<std::string_view> name,
                             std::optional<std::string_view> prefix) override {
    ++calls;
    if (narrow && name != "linear_proj") return std::nullopt;
    return Lora::match(m, name, prefix);
  }
  bool narrow = true;
  int calls = 0;
};

TEST(Peft, obeys_an_overridden_match_in_both_walks) {
  Model model;
  Narrowed method;
  const test::LogCapture log;
  method.apply(model);
  EXPECT_THAT(paths_of(adapters_of(model)),
              ElementsAre("layers.0.linear_proj", "layers.1.linear_proj"));
  EXPECT_EQ(method.calls, 2 * 15);
}

TEST(Peft, plans_alike_with_and_without_the_fast_path) {
  const std::vector<std::optional<Names>> targets{
      {{"linear_qkv", "linear_fc2"}},
      {{"*.1.*"}},
      {{"*"}},
      {{"all-linear"}},
      {},
      {{"*.linear_{qkv,proj}"}}};
  for (const auto& target : targets) {
    Model model;
    Lora fast;
    Narrowed slow;
    slow.narrow = false;
    fast.target_modules = slow.target_modules = target;
    const Plan a = fast.plan(model);
    const Plan b = slow.plan(model);
    EXPECT_EQ(lines_of(a), lines_of(b));
    EXPECT_FALSE(a.sites.empty());
    EXPECT_EQ(fast.alias_matches(), slow.alias_matches());
  }
}

TEST(Inventory, describes_a_live_model) {
  const Model model;
  const Inventory inventory = make_inventory(model);
  ASSERT_EQ(inventory.modules.size(), 14U);
  const ModuleInfo& qkv = inventory.modules[3];
  EXPECT_EQ(qkv.path, "layers.0.linear_qkv");
  EXPECT_EQ(qkv.kind, LayerKind::kColumnParallel);
  EXPECT_EQ(qkv.in, 4);
  EXPECT_EQ(qkv.out, 8);
  EXPECT_EQ(qkv.layer, 0);
  EXPECT_EQ(qkv.parts.size(), 3U);
  EXPECT_EQ(qkv.parameter_count, 32U);
  EXPECT_EQ(qkv.dtype, DType::kF32);
  EXPECT_TRUE(inventory.modules.back().output_head);
  EXPECT_EQ(inventory.total_parameters, 2U * (4 + 32 + 16 + 48 + 24) + 36);
}

}  // namespace
}  // namespace graft
