// Adapters of the goldens on live models: logits, loss, gradients and
// merged weights, loaded, saved and loaded again. Tolerances are those of the
// goldens' README.
#include "graft/checkpoint/live_adapter.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "checkpoint/golden_model.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/match/selector.h"
#include "graft/merge/merge.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/delta.h"
#include "graft/peft/lora.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"
#include "support/unfinished_family.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double kLogits = 2e-4;
constexpr double kLoss = 5e-5;
constexpr double kGradient = 1e-4;

struct GoldenAdapter {
  fs::path directory;
  fs::path base;
};

bool is_set(const Json& config, const std::string& field) {
  const auto found = config.find(field);
  return found != config.end() && !found->is_null() && *found != false &&
         *found != "none" && !found->empty();
}

// Why the adapter is of no kind that graft claims; empty when it is.
std::string reason_to_skip(const fs::path& directory, const fs::path& base) {
  const std::string type = read_json(base / "config.json").at("model_type");
  if (const auto reason = unfinished_family(type)) return *reason;
  const Json config = read_json(directory / "adapter_config.json");
  for (const char* field : {"use_dora", "lora_bias", "bias", "modules_to_save",
                            "trainable_token_indices"}) {
    if (is_set(config, field)) return std::string(field) + " of a later issue";
  }
  const auto file =
      SafetensorsFile::open(directory / "adapter_model.safetensors");
  for (const TensorEntry& entry : file.entries()) {
    if (entry.name.find("lora_embedding_") != std::string::npos) {
      return "embedding adapters of a later issue";
    }
  }
  return {};
}

// Adapters below `folder` with bases below its parent.
void add_adapters(const fs::path& folder, std::vector<GoldenAdapter>& out) {
  for (const fs::path& directory : sub_directories(folder)) {
    const Json config = read_json(directory / "adapter_config.json");
    const std::string base = config.at("base_model_name_or_path");
    out.push_back({directory, folder.parent_path() / base});
  }
}

std::vector<GoldenAdapter> golden_adapters() {
  std::vector<GoldenAdapter> out;
  add_adapters(source_path("tests/golden/family_adapters"), out);
  if (const auto goldens = goldens_dir()) {
    add_adapters(*goldens / "adapters", out);
  }
  return out;
}

void for_each_golden_adapter(
    const std::string& name,
    const std::function<void(const GoldenAdapter&)>& check) {
  CaseCounter counter(name);
  for (const GoldenAdapter& adapter : golden_adapters()) {
    const fs::path& directory = adapter.directory;
    SCOPED_TRACE(directory.string());
    const std::string reason = reason_to_skip(directory, adapter.base);
    if (!reason.empty()) {
      counter.skipped(reason);
      continue;
    }
    counter.ran();
    EXPECT_NO_THROW(check(adapter));
  }
  EXPECT_GT(counter.ran_count(), 0U);
}

struct LoadedAdapter {
  BaseModel base;
  AdapterFile file;
  std::vector<LiveAdapter> live;
};

LoadedAdapter load(const GoldenAdapter& adapter) {
  LoadedAdapter loaded{load_golden_model(adapter.base), {}, {}};
  loaded.file = read_hf_adapter(adapter.directory, loaded.base.inventory);
  loaded.live = attach_adapter(*loaded.base.model, loaded.file);
  return loaded;
}

nn::LmInput input_of(const GoldenTensors& golden) {
  nn::LmInput input;
  input.input_ids = golden.at("full.input_ids");
  input.attention_mask = golden.at("full.attention_mask");
  return input;
}

double logits_difference(nn::CausalLm& model, const GoldenTensors& golden,
                         const std::string& name) {
  const at::NoGradGuard no_grad;
  const nn::LmInput input = input_of(golden);
  return masked_difference(model.forward_logits(input), golden.at(name),
                           input.attention_mask);
}

at::Tensor mean_loss(nn::CausalLm& model, const GoldenTensors& golden) {
  const at::Tensor labels = golden.at("full.labels");
  const auto used =
      labels.narrow(1, 1, labels.size(1) - 1).ne(-100).sum().item<double>();
  return model.loss_sum(model.hidden(input_of(golden)), labels) / used;
}

void check_gradient(const at::Tensor& got, const GoldenTensors& wanted,
                    const std::string& name) {
  SCOPED_TRACE(name);
  const at::Tensor want = wanted.at(name);
  ASSERT_TRUE(got.defined());
  ASSERT_EQ(got.sizes(), want.sizes());
  const double largest = want.abs().max().item<double>();
  EXPECT_LE((got - want).abs().max().item<double>(), kGradient * largest);
}

TEST(LiveAdapter, golden_logits) {
  for_each_golden_adapter("adapters: logits", [](const auto& adapter) {
    const GoldenTensors golden(adapter.directory / "golden.safetensors");
    const LoadedAdapter loaded = load(adapter);
    nn::CausalLm& model = *loaded.base.model;
    EXPECT_LT(logits_difference(model, golden, "full.logits"), kLogits);
    const ScopedAdaptersDisabled scope(model);
    const GoldenTensors base(adapter.base / "golden.safetensors");
    EXPECT_LT(logits_difference(model, base, "full.logits"), 1e-4);
  });
}

// A pair as its file has it: experts of a parameter below another in A, and in
// B beside another, rank by rank.
at::Tensor a_of_file(const at::Tensor& a) {
  return a.dim() == 3 ? a.flatten(0, 1) : a;
}
at::Tensor b_of_file(const at::Tensor& b) {
  return b.dim() == 3 ? b.permute({1, 2, 0}).flatten(1, 2) : b;
}

// What the site's tensors are called, by the goldens' README.
std::string tensor_prefix(const Site& site, const Plan& plan) {
  std::string name = site.hf_parameter;
  if (name.empty()) return "base_model.model." + site.hf_paths.at(0);
  name.resize(name.rfind('.'));
  const bool both = site.hf_parameter.ends_with(".gate_up_proj") &&
                    std::ranges::any_of(plan.sites, [&](const Site& other) {
                      return other.hf_parameter == name + ".down_proj";
                    });
  return "base_model.model." + name + (both ? ".base_layer" : "");
}

// Hand-made adapters have no recorded gradients.
void check_gradients(const GoldenAdapter& adapter,
                     const LoadedAdapter& loaded) {
  const fs::path file = adapter.directory / "grads.safetensors";
  if (!fs::exists(file)) return;
  const GoldenTensors wanted(file);
  for (const LiveAdapter& live : loaded.live) {
    const std::string key = tensor_prefix(live.site, loaded.file.plan);
    check_gradient(a_of_file(live.a.grad()), wanted, key + ".lora_A.weight");
    check_gradient(b_of_file(live.b.grad()), wanted, key + ".lora_B.weight");
  }
}

TEST(LiveAdapter, golden_loss_and_gradients) {
  for_each_golden_adapter("adapters: gradients", [](const auto& adapter) {
    const GoldenTensors golden(adapter.directory / "golden.safetensors");
    const LoadedAdapter loaded = load(adapter);
    const at::Tensor loss = mean_loss(*loaded.base.model, golden);
    const std::string name =
        golden.contains("full.loss") ? "full.loss" : "merged.loss";
    EXPECT_NEAR(loss.item<double>(), golden.at(name).item<double>(), kLoss);
    loss.backward();
    check_gradients(adapter, loaded);
    for (const auto& item : loaded.base.model->named_parameters()) {
      const bool adapts = item.key().find("lora_") != std::string::npos;
      EXPECT_EQ(item.value().grad().defined(), adapts) << item.key();
    }
  });
}

nn::LinearSlot& slot_at(nn::CausalLm& model, const std::string& path) {
  const auto modules = model.named_modules();
  return dynamic_cast<nn::LinearSlot&>(*modules[path]);
}

// Values of the live merge against the recorded ones: F32 1e-6 absolute, else
// at most one element in a thousand may round the other way.
void check_merged_values(const at::Tensor& got, const at::Tensor& want) {
  ASSERT_EQ(got.sizes(), want.sizes());
  if (want.scalar_type() == at::kFloat) {
    EXPECT_LE((got - want).abs().max().item<double>(), 1e-6);
    return;
  }
  const auto differing =
      got.to(want.scalar_type()).ne(want).sum().item<std::int64_t>();
  EXPECT_LE(differing * 1000, got.numel());
}

TEST(LiveAdapter, golden_merged_rows) {
  for_each_golden_adapter("adapters: merged rows", [](const auto& adapter) {
    const GoldenTensors merged(adapter.directory / "merged.safetensors");
    const LoadedAdapter loaded = load(adapter);
    for (const Site& site : loaded.file.plan.sites) {
      const nn::LinearSlot& slot = slot_at(*loaded.base.model, site.module);
      for (std::size_t i = 0; i < site.hf_paths.size(); ++i) {
        SCOPED_TRACE(site.hf_paths[i]);
        const std::string& path = site.hf_paths[i];
        const std::string name =
            merged.contains(path) ? path : path + ".weight";
        check_merged_values(merged_rows(slot, site.hf_rows[i]),
                            merged.at(name).view({-1, slot.in()}));
      }
    }
  });
}

TEST(LiveAdapter, golden_merged_logits) {
  for_each_golden_adapter("adapters: merged logits", [](const auto& adapter) {
    const GoldenTensors golden(adapter.directory / "golden.safetensors");
    const Inventory inventory = load_golden_model(adapter.base).inventory;
    const TemporaryDirectory folder;
    const fs::path output = folder.path() / "merged";
    merge_checkpoint(adapter.base,
                     read_hf_adapter(adapter.directory, inventory), output);
    const BaseModel merged = load_golden_model(output);
    EXPECT_LT(logits_difference(*merged.model, golden, "merged.logits"),
              kLogits);
  });
}

bool equal_bytes(const HostTensor& a, const HostTensor& b) {
  return a.shape == b.shape && a.to_floats() == b.to_floats();
}

TEST(LiveAdapter, golden_round_trip) {
  for_each_golden_adapter("adapters: round trip", [](const auto& adapter) {
    const LoadedAdapter loaded = load(adapter);
    const AdapterFile snapshot =
        snapshot_adapter(loaded.file.plan, loaded.live);
    const TemporaryDirectory folder;
    const fs::path output = folder.path() / "adapter";
    for (int i = 0; i < 2; ++i) {
      save_hf_adapter(snapshot, loaded.base.inventory, "base", output);
    }
    BaseModel fresh = load_golden_model(adapter.base);
    const AdapterFile again = load_hf_adapter(fresh, output);
    ASSERT_EQ(again.records.size(), loaded.file.records.size());
    for (std::size_t i = 0; i < again.records.size(); ++i) {
      EXPECT_TRUE(equal_bytes(again.records[i].a, loaded.file.records[i].a));
      EXPECT_TRUE(equal_bytes(again.records[i].b, loaded.file.records[i].b));
      EXPECT_EQ(again.plan.sites[i].scale, loaded.file.plan.sites[i].scale);
    }
    const GoldenTensors golden(adapter.directory / "golden.safetensors");
    EXPECT_LT(logits_difference(*fresh.model, golden, "full.logits"), kLogits);
  });
}

// The first golden model, for tests that need any.
std::optional<BaseModel> any_model() {
  const auto goldens = goldens_dir();
  if (!goldens) return std::nullopt;
  for (const fs::path& directory : sub_directories(*goldens / "models")) {
    const Json config = read_json(directory / "config.json");
    if (config.at("model_type") == "llama") {
      return load_golden_model(directory);
    }
  }
  return std::nullopt;
}

TEST(LiveAdapter, golden_plans_of_file_and_live_model_agree) {
  std::optional<BaseModel> base = any_model();
  if (!base) return;
  const std::vector<std::vector<std::string>> selections{
      {"linear_qkv", "linear_proj", "linear_fc1", "linear_fc2"},
      {"all-linear"},
      {"*.layers.0.*", "output_layer"}};
  for (const auto& targets : selections) {
    Lora method;
    method.target_modules = targets;
    Rule rule;
    rule.targets = targets;
    const Plan file = Selector::compile({rule}).select(base->inventory);
    const Plan live = method.plan(*base->model);
    ASSERT_EQ(live.sites.size(), file.sites.size());
    for (std::size_t i = 0; i < file.sites.size(); ++i) {
      EXPECT_EQ(live.sites[i].path(), file.sites[i].path());
      EXPECT_EQ(live.sites[i].rows, file.sites[i].rows);
      EXPECT_EQ(live.sites[i].layer, file.sites[i].layer);
      EXPECT_EQ(live.sites[i].pattern, file.sites[i].pattern);
    }
  }
}

TEST(LiveAdapter, golden_inventories_of_file_and_live_model_agree) {
  for_each_golden_model("models: inventories", [](const fs::path& directory) {
    const BaseModel base = load_golden_model(directory);
    const Inventory live = make_inventory(*base.model);
    const Inventory& file = base.inventory;
    EXPECT_EQ(live.total_parameters, file.total_parameters);
    ASSERT_EQ(live.modules.size(), file.modules.size());
    for (std::size_t i = 0; i < file.modules.size(); ++i) {
      const ModuleInfo& a = live.modules[i];
      const ModuleInfo& b = file.modules[i];
      SCOPED_TRACE(b.path);
      EXPECT_EQ(a.path, b.path);
      EXPECT_EQ(a.kind, b.kind);
      EXPECT_EQ(a.in, b.in);
      EXPECT_EQ(a.out, b.out);
      EXPECT_EQ(a.has_bias, b.has_bias);
      EXPECT_EQ(a.layer, b.layer);
      EXPECT_EQ(a.output_head, b.output_head);
      EXPECT_EQ(a.experts, b.experts);
      EXPECT_EQ(a.parameter_count, b.parameter_count);
    }
  });
}

TEST(LiveAdapter, golden_canonical_method_adapts_the_parts) {
  std::optional<BaseModel> base = any_model();
  if (!base) return;
  CanonicalLora method({"linear_q", "linear_v", "linear_fc1_up"});
  method.dim = 2;
  method.apply(*base->model);
  const auto adapters = adapters_of(*base->model);
  EXPECT_EQ(adapters.size(),
            3U * static_cast<std::size_t>(base->config.layers));
  const std::int64_t query = base->config.heads * base->config.head_dim;
  EXPECT_EQ(adapters[0].site.rows, (RowSet{0, query}));
}

TEST(LiveAdapter, refuses_records_that_do_not_fit) {
  std::optional<BaseModel> base = any_model();
  if (!base) return;
  Lora method;
  method.dim = 2;
  AdapterFile file;
  file.plan = method.plan(*base->model);
  EXPECT_THROW(attach_adapter(*base->model, file), ConfigError);
  const std::vector<float> few(4, 0.0F);
  for (std::size_t i = 0; i < file.plan.sites.size(); ++i) {
    const auto tensor = HostTensor::from_floats({2, 2}, few);
    file.records.push_back({tensor, tensor, {}});
  }
  EXPECT_THROW(attach_adapter(*base->model, file), ConfigError);
  EXPECT_TRUE(adapters_of(*base->model).empty());
  EXPECT_THROW(snapshot_adapter(file.plan, {}), ConfigError);
}

}  // namespace
}  // namespace graft::test
