// Adapters on experts in both file layouts: elements, names, configuration, and
// what cannot be written. The goldens pin the same against PEFT's own files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "formats/hf/expert_tensors_internal.h"
#include "formats/hf/small_adapter.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/safetensors.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::make_adapter;
using test::numbered;
using test::rule_on;
using testing::ElementsAre;
using testing::HasSubstr;
using Names = std::vector<std::string>;

// Layer 0 is dense; layers 1 and 2 have three experts.
Inventory moe_inventory(const std::string& type = "qwen3_moe",
                        bool packed = false) {
  ModelConfig config{.model_type = type,
                     .vocab_size = 50,
                     .hidden_size = 16,
                     .intermediate_size = 24,
                     .layers = 3,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_dim = 6,
                     .max_positions = 64};
  config.experts = {.count = 3, .per_token = 2, .size = 5};
  config.experts.packed = packed;
  config.layer_traits.assign(3, {.experts = true});
  if (type == "qwen3_moe") config.layer_traits[0].experts = false;
  return make_family_inventory(config);
}

TEST(ExpertTensors, columns_are_by_rank_then_by_expert) {
  constexpr std::int64_t kExperts = 3, kRows = 4, kRank = 2;
  const HostTensor b = numbered(kExperts * kRows, kRank, 1.0f);
  const HostTensor file = to_rank_major(b, kExperts);
  EXPECT_THAT(file.shape, ElementsAre(kRows, kRank * kExperts));
  const std::vector<float> values = b.to_floats();
  const std::vector<float> stored = file.to_floats();
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  for (std::int64_t e = 0; e < kExperts; ++e) {
    for (std::int64_t row = 0; row < kRows; ++row) {
      for (std::int64_t k = 0; k < kRank; ++k) {
        EXPECT_EQ(stored[at(row * kRank * kExperts + k * kExperts + e)],
                  values[at((e * kRows + row) * kRank + k)]);
      }
    }
  }
  const HostTensor back = to_expert_major(file, kExperts);
  EXPECT_EQ(back.shape, b.shape);
  EXPECT_EQ(back.to_floats(), values);
}

// The first registered parameter lies innermost; down_proj is the last.
TEST(ExpertTensors, wrappers_nest_by_registration) {
  const auto paths = [](const Names& parameters) {
    std::vector<Site> sites(parameters.size());
    for (std::size_t i = 0; i < sites.size(); ++i) {
      sites[i].hf_parameter = parameters[i];
    }
    return parameter_tensor_paths(sites);
  };
  EXPECT_THAT(paths({"a.experts.gate_up_proj", "a.experts.down_proj", "",
                     "b.experts.down_proj", "a.gate.weight"}),
              ElementsAre("a.experts.base_layer", "a.experts", "", "b.experts",
                          "a.gate"));
  // By name, as a header's order has it.
  EXPECT_THAT(paths({"e.down_proj", "e.gate_proj", "e.up_proj"}),
              ElementsAre("e", "e.base_layer.base_layer", "e.base_layer"));
}

struct Written {
  nlohmann::json config;
  Names tensors;
  AdapterFile again;
};

Written write(const Inventory& inventory, const AdapterFile& adapter,
              ExpertLayout layout = ExpertLayout::kAuto) {
  const test::TemporaryDirectory directory;
  write_hf_adapter(directory.path(), adapter,
                   {.inventory = &inventory, .experts = layout});
  Written out;
  out.config = test::read_json(directory.path() / "adapter_config.json");
  const auto file =
      SafetensorsFile::open(directory.path() / "adapter_model.safetensors");
  for (const TensorEntry& entry : file.entries()) {
    out.tensors.push_back(entry.name);
  }
  out.again = read_hf_adapter(directory.path(), inventory);
  return out;
}

// The index of the site on the same rows: parameters of linear layers come
// behind the layers of their rule.
std::size_t find_site(const Plan& plan, const Site& wanted) {
  for (std::size_t i = 0; i < plan.sites.size(); ++i) {
    const Site& site = plan.sites[i];
    if (site.module == wanted.module && site.rows == wanted.rows) return i;
  }
  ADD_FAILURE() << "no site " << wanted.path();
  return 0;
}

void expect_same(const AdapterFile& a, const AdapterFile& b) {
  ASSERT_EQ(a.plan.sites.size(), b.plan.sites.size());
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    SCOPED_TRACE(a.plan.sites[i].path());
    const std::size_t j = find_site(b.plan, a.plan.sites[i]);
    EXPECT_EQ(a.plan.sites[i].scale, b.plan.sites[j].scale);
    EXPECT_EQ(a.plan.sites[i].module_out, b.plan.sites[j].module_out);
    EXPECT_EQ(a.records[i].a.shape, b.records[j].a.shape);
    EXPECT_EQ(a.records[i].a.to_floats(), b.records[j].a.to_floats());
    EXPECT_EQ(a.records[i].b.to_floats(), b.records[j].b.to_floats());
  }
}

// "Rank 64 on attention of some layers, rank 8 on experts": short, and exact.
TEST(ExpertAdapter, parameters_have_a_short_configuration) {
  const Inventory inventory = moe_inventory();
  const AdapterFile adapter = make_adapter(
      inventory,
      {rule_on({"*.layers.2.self_attn.*"}, 4), rule_on({"kind=expert"}, 2)});
  const Written out = write(inventory, adapter);
  EXPECT_EQ(out.config["target_parameters"],
            Names({"down_proj", "gate_up_proj"}));
  EXPECT_EQ(out.config["target_modules"],
            Names({"2.self_attn.k_proj", "2.self_attn.o_proj",
                   "2.self_attn.q_proj", "2.self_attn.v_proj"}));
  EXPECT_EQ(out.config["r"], 4);
  EXPECT_EQ(out.config["rank_pattern"],
            nlohmann::json({{"down_proj", 2}, {"gate_up_proj", 2}}));
  EXPECT_THAT(out.tensors,
              testing::Contains("base_model.model.model.layers.1.mlp.experts."
                                "base_layer.lora_A.weight"));
  expect_same(out.again, adapter);
}

TEST(ExpertAdapter, routers_and_dense_layers_are_parameters_too) {
  const Inventory inventory = moe_inventory();
  Rule rule = rule_on({"router", "gate_proj", "linear_fc2"}, 2);
  rule.excludes = {"*.experts.*.gate_proj", "*.layers.2.*"};
  rule.adapter.dropout = 0.1;
  const AdapterFile adapter = make_adapter(inventory, {rule});
  ASSERT_EQ(adapter.plan.sites.size(),
            4u);  // dense gate, dense and grouped fc2
  const Written out = write(inventory, adapter);
  EXPECT_EQ(out.config["target_modules"], Names());
  EXPECT_EQ(out.config["lora_dropout"], 0.0);
  EXPECT_EQ(out.config["target_parameters"],
            Names({"1.mlp.experts.down_proj", "1.mlp.gate.weight",
                   "down_proj.weight", "gate_proj.weight"}));
  EXPECT_THAT(out.tensors,
              testing::Contains("base_model.model.model.layers.0.mlp.gate_proj."
                                "lora_A.weight"));
  expect_same(out.again, adapter);
}

TEST(ExpertAdapter, single_experts_are_layers) {
  const Inventory inventory = moe_inventory("mixtral");
  const AdapterFile adapter = make_adapter(
      inventory,
      {rule_on({"*.layers.1.*.experts.{0..1}.w1", "router", "q_proj"})});
  const Written out = write(inventory, adapter);
  EXPECT_FALSE(out.config.contains("target_parameters"));
  EXPECT_EQ(out.config["target_modules"],
            Names({"1.block_sparse_moe.experts.0.w1",
                   "1.block_sparse_moe.experts.1.w1", "gate", "q_proj"}));
  expect_same(out.again, adapter);
}

// On request the layout of all experts is layers too: the same function.
TEST(ExpertAdapter, whole_sites_can_be_written_as_layers) {
  const Inventory inventory = moe_inventory("mixtral");
  const AdapterFile adapter =
      make_adapter(inventory, {rule_on({"linear_fc1", "linear_fc2"})});
  const Written out = write(inventory, adapter, ExpertLayout::kLayers);
  EXPECT_EQ(out.config["target_modules"], Names({"w1", "w2", "w3"}));
  EXPECT_EQ(out.tensors.size(), 2u * 3u * 3u * 3u);
  ASSERT_EQ(out.again.plan.sites.size(), 3u * 9u);
  // Expert 2 of layer 0: gate is rows 20 to 25 of fc1, its A the third.
  for (std::size_t i = 0; i < out.again.plan.sites.size(); ++i) {
    const Site& site = out.again.plan.sites[i];
    if (site.rows != RowSet{20, 25} || site.layer != 0) continue;
    const std::vector<float> a = adapter.records[0].a.to_floats();
    EXPECT_EQ(out.again.records[i].a.to_floats(),
              std::vector<float>(a.begin() + 2 * 2 * 16, a.end()));
    const std::vector<float> b = adapter.records[0].b.to_floats();
    EXPECT_EQ(out.again.records[i].b.to_floats(),
              std::vector<float>(b.begin() + 20 * 2, b.begin() + 25 * 2));
  }
}

TEST(ExpertAdapter, a_packed_checkpoint_has_the_same_file) {
  const Inventory layers = moe_inventory("mixtral");
  const Inventory packed = moe_inventory("mixtral", true);
  const Rule rule = rule_on({"kind=expert", "router"});
  const Written a = write(layers, make_adapter(layers, {rule}));
  const Written b = write(packed, make_adapter(packed, {rule}));
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.tensors, b.tensors);
}

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ExpertAdapter, refuses_what_a_layout_cannot_say) {
  const Inventory inventory = moe_inventory("mixtral");
  const AdapterFile one =
      make_adapter(inventory, {rule_on({"*.layers.1.*.experts.0.w1"})});
  EXPECT_THAT(
      refusal([&] { write(inventory, one, ExpertLayout::kParameters); }),
      HasSubstr("an adapter on one expert is none on a parameter"));
  const Inventory packed = moe_inventory("mixtral", true);
  const AdapterFile whole = make_adapter(packed, {rule_on({"kind=expert"})});
  EXPECT_THAT(refusal([&] { write(packed, whole, ExpertLayout::kLayers); }),
              HasSubstr("no names of single experts"));
}

// A file that says other experts than the model has.
TEST(ExpertAdapter, reads_no_other_number_of_experts) {
  const Inventory three = moe_inventory("mixtral");
  Inventory four = three;
  for (ModuleInfo& info : four.modules) {
    if (info.kind != LayerKind::kTeGrouped) continue;
    info.out = info.out / 3 * 4;
    info.experts = 4;
  }
  const test::TemporaryDirectory directory;
  write_hf_adapter(directory.path(),
                   make_adapter(three, {rule_on({"kind=expert"})}),
                   {.inventory = &three});
  EXPECT_THAT(refusal([&] { read_hf_adapter(directory.path(), four); }),
              HasSubstr("got shape [6, 16], expected [8, 16]"));
}

}  // namespace
}  // namespace graft
