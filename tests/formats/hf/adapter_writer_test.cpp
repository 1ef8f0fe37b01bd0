// What is written reads back as the same sites and tensors, for fused and
// canonical sites, mixed ranks and scaling rules; deterministic bytes; bad
// input rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "formats/hf/small_adapter.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/safetensors.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::make_adapter;
using test::rule_on;
using test::small_inventory;
using test::TemporaryDirectory;
using testing::ElementsAre;

void expect_equal_records(const AdapterFile& a, const AdapterFile& b) {
  ASSERT_EQ(a.plan.sites.size(), b.plan.sites.size());
  ASSERT_EQ(a.records.size(), b.records.size());
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    const Site& left = a.plan.sites[i];
    const Site& right = b.plan.sites[i];
    EXPECT_EQ(left.path(), right.path());
    EXPECT_EQ(left.rows, right.rows);
    EXPECT_EQ(left.hf_paths, right.hf_paths);
    EXPECT_EQ(left.adapter.rank, right.adapter.rank) << left.path();
    EXPECT_DOUBLE_EQ(left.scale, right.scale) << left.path();
    EXPECT_EQ(a.records[i].a.to_floats(), b.records[i].a.to_floats());
    EXPECT_EQ(a.records[i].b.to_floats(), b.records[i].b.to_floats());
  }
}

nlohmann::json config_of(const TemporaryDirectory& directory) {
  return test::read_json(directory.path() / "adapter_config.json");
}

TEST(AdapterWriter, canonical_round_trip) {
  const Inventory inventory = small_inventory();
  std::vector<std::vector<Rule>> selections = {
      {rule_on({"q_proj", "v_proj"})},
      {rule_on({"linear_proj", "linear_fc2", "up_proj"})},
      {rule_on({"*.layers.1.*.q_proj"})},
      {rule_on({"lm_head", "k_proj"}, 3, 0.7)},
      {rule_on({"*.layers.0.*.q_proj"}, 8, 3), rule_on({"q_proj", "o_proj"})},
  };
  for (const auto& rules : selections) {
    const TemporaryDirectory directory;
    const AdapterFile adapter = make_adapter(inventory, rules);
    write_hf_adapter(directory.path(), adapter, {.inventory = &inventory});
    const AdapterFile read = read_hf_adapter(directory.path(), inventory);
    EXPECT_TRUE(read.warnings.empty());
    expect_equal_records(adapter, read);
  }
}

TEST(AdapterWriter, fused_sites_are_split_and_join_again) {
  const Inventory inventory = small_inventory();
  const AdapterFile adapter =
      make_adapter(inventory, {rule_on({"linear_qkv", "linear_fc1"})});
  ASSERT_EQ(adapter.plan.sites.size(), 4u);
  const TemporaryDirectory directory;
  write_hf_adapter(directory.path(), adapter, {.inventory = &inventory});
  const AdapterFile read = read_hf_adapter(directory.path(), inventory);
  ASSERT_EQ(read.plan.sites.size(), 10u);
  const std::vector<float> fused = adapter.records[0].b.to_floats();
  EXPECT_EQ(read.plan.sites[1].component, "linear_k");
  EXPECT_EQ(read.records[1].b.to_floats(),
            std::vector<float>(fused.begin() + 24 * 2, fused.begin() + 36 * 2));
  EXPECT_EQ(read.records[1].a.to_floats(), adapter.records[0].a.to_floats());
  const AdapterFile joined = fuse_equal_inputs(read);
  expect_equal_records(adapter, joined);
  for (const EntryReport& entry : joined.plan.entries) {
    for (std::size_t site : entry.sites) {
      EXPECT_LT(site, joined.plan.sites.size());
    }
  }
}

TEST(AdapterWriter, only_equal_inputs_are_joined) {
  const Inventory inventory = small_inventory();
  const std::vector<std::vector<Rule>> selections = {
      {rule_on({"q_proj", "k_proj", "v_proj"})},  // different A
      {rule_on({"gate_proj"})},                   // not all rows
  };
  for (const auto& rules : selections) {
    const AdapterFile adapter = make_adapter(inventory, rules);
    expect_equal_records(adapter, fuse_equal_inputs(adapter));
  }
}

TEST(AdapterWriter, targets_are_short_where_that_is_exact) {
  const Inventory inventory = small_inventory();
  const TemporaryDirectory directory;
  const AdapterFile every = make_adapter(inventory, {rule_on({"linear_qkv"})});
  write_hf_adapter(directory.path(), every, {.inventory = &inventory});
  EXPECT_THAT(config_of(directory)["target_modules"],
              ElementsAre("k_proj", "q_proj", "v_proj"));
  const AdapterFile one =
      make_adapter(inventory, {rule_on({"*.layers.1.*.q_proj"})});
  write_hf_adapter(directory.path(), one, {.inventory = &inventory});
  EXPECT_THAT(config_of(directory)["target_modules"],
              ElementsAre("1.self_attn.q_proj"));
  write_hf_adapter(directory.path(), every, {});
  EXPECT_EQ(config_of(directory)["target_modules"].size(), 6u);
}

TEST(AdapterWriter, ranks_and_alphas_become_patterns) {
  const Inventory inventory = small_inventory();
  const TemporaryDirectory directory;
  const AdapterFile adapter =
      make_adapter(inventory, {rule_on({"*.layers.0.*.q_proj"}, 8, 2.5),
                               rule_on({"q_proj", "k_proj"}, 4, 4)});
  write_hf_adapter(directory.path(), adapter, {.inventory = &inventory});
  const nlohmann::json config = config_of(directory);
  EXPECT_EQ(config["r"], 4);
  EXPECT_EQ(config["lora_alpha"].dump(), "4");
  const std::string key = "0\\.self_attn\\.q_proj";
  EXPECT_EQ(config["rank_pattern"], (nlohmann::json{{key, 8}}));
  EXPECT_EQ(config["alpha_pattern"], (nlohmann::json{{key, 2.5}}));
}

// What PEFT's file has one field for must be one value, before any training.
TEST(AdapterWriter, mixed_kinds_and_dropouts_are_refused) {
  const Inventory inventory = small_inventory();
  const auto refusal_of = [&](const Rule& first, const Rule& second) {
    try {
      check_hf_expressible(make_adapter(inventory, {first, second}).plan);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const Rule q = rule_on({"q_proj"});
  Rule o = rule_on({"o_proj"}, 8, 3);
  EXPECT_EQ(refusal_of(q, o), "");
  o.adapter.dropout = 0.1;
  EXPECT_THAT(refusal_of(q, o),
              testing::HasSubstr("lora_dropout) for all modules: got 0 for "));
  o = rule_on({"o_proj"});
  o.adapter.kind = AdapterKind::kDora;
  EXPECT_THAT(refusal_of(q, o),
              testing::HasSubstr("use_dora) for all modules: got lora for"));
  o.adapter.kind = AdapterKind::kCanonicalLora;
  EXPECT_EQ(refusal_of(q, o), "");
}

TEST(AdapterWriter, scaling_rules) {
  const Inventory inventory = small_inventory();
  Rule root = rule_on({"q_proj"}, 4, 6);
  root.adapter.rslora = true;
  for (const bool mixed : {false, true}) {
    std::vector<Rule> rules = {root};
    if (mixed) rules.push_back(rule_on({"o_proj"}, 4, 6));
    const TemporaryDirectory directory;
    const AdapterFile adapter = make_adapter(inventory, rules);
    write_hf_adapter(directory.path(), adapter, {.inventory = &inventory});
    EXPECT_EQ(config_of(directory)["use_rslora"], !mixed);
    expect_equal_records(adapter, read_hf_adapter(directory.path(), inventory));
  }
}

TEST(AdapterWriter, two_runs_give_the_same_bytes) {
  const Inventory inventory = small_inventory();
  const AdapterFile adapter =
      make_adapter(inventory, {rule_on({"all-linear"})});
  std::vector<std::string> texts;
  for (int i = 0; i < 2; ++i) {
    const TemporaryDirectory directory;
    write_hf_adapter(directory.path() / "new" / "adapter", adapter,
                     {.base_model = "acme/base", .dtype = DType::kBF16});
    for (const char* name :
         {"adapter_config.json", "adapter_model.safetensors"}) {
      texts.push_back(
          test::read_text(directory.path() / "new" / "adapter" / name));
    }
  }
  EXPECT_EQ(texts[0], texts[2]);
  EXPECT_EQ(texts[1], texts[3]);
  EXPECT_THAT(texts[0], testing::HasSubstr("\"acme/base\""));
}

TEST(AdapterWriter, stored_types) {
  const Inventory inventory = small_inventory();
  const AdapterFile adapter = make_adapter(inventory, {rule_on({"q_proj"})});
  for (const DType dtype :
       {DType::kF32, DType::kBF16, DType::kF16, DType::kF64}) {
    const TemporaryDirectory directory;
    write_hf_adapter(directory.path(), adapter, {.dtype = dtype});
    const auto file =
        SafetensorsFile::open(directory.path() / "adapter_model.safetensors");
    for (const TensorEntry& entry : file.entries()) {
      EXPECT_EQ(entry.dtype, dtype);
    }
    EXPECT_EQ(file.metadata().at("format"), "pt");
    EXPECT_EQ(read_hf_adapter(directory.path(), inventory).records.size(), 2u);
  }
}

std::string error_of(const AdapterFile& adapter,
                     const HfAdapterOptions& options = {}) {
  const TemporaryDirectory directory;
  try {
    write_hf_adapter(directory.path(), adapter, options);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(AdapterWriter, refusals) {
  const AdapterFile good =
      make_adapter(small_inventory(), {rule_on({"q_proj"})});
  const auto set_b = [&good](float value) {
    AdapterFile out = good;
    for (AdapterRecord& record : out.records) {
      const std::vector<float> values(24 * 2, value);
      record.b = HostTensor::from_floats({24, 2}, values);
    }
    return out;
  };
  EXPECT_THAT(error_of({}), testing::HasSubstr("no module"));
  AdapterFile fewer = good;
  fewer.records.pop_back();
  EXPECT_THAT(error_of(fewer), testing::HasSubstr("belong together"));
  AdapterFile shape = good;
  shape.records[0].a = test::numbered(3, 16, 1.0f);
  EXPECT_THAT(error_of(shape), testing::HasSubstr("shapes of the plan"));
  AdapterFile dora = good;
  dora.records[0].magnitude = test::numbered(1, 24, 1.0f);
  EXPECT_THAT(error_of(dora), testing::HasSubstr("DoRA"));
  EXPECT_THAT(error_of(set_b(std::numeric_limits<float>::quiet_NaN())),
              testing::HasSubstr("NaN"));
  EXPECT_THAT(error_of(set_b(1e30f), {.dtype = DType::kF16}),
              testing::HasSubstr("infinity as F16"));
  EXPECT_THAT(error_of(set_b(0.0f)), testing::HasSubstr("every lora_B"));
  EXPECT_EQ(error_of(set_b(0.0f), {.allow_zero = true}), "");
  EXPECT_THAT(error_of(good, {.dtype = DType::kI32}),
              testing::HasSubstr("I32"));
}

}  // namespace
}  // namespace graft
