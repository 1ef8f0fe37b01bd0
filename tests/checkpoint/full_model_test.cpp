// A saved full model equals what was loaded or trained, also for bf16 and tied
// checkpoints; tensors cross between host bytes and LibTorch unchanged.
#include "graft/checkpoint/full_model.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/golden_model.h"
#include "checkpoint/tensor_bridge_internal.h"
#include "graft/base/error.h"
#include "graft/io/safetensors_writer.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/peft/peft.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;

bool same_bytes(const HostTensor& a, const HostTensor& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         a.bytes.size() == b.bytes.size() &&
         std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

TEST(FullModel, golden_saves_what_it_loaded) {
  for_each_golden_model("models: save", [](const fs::path& directory) {
    for (const bool trainable : {false, true}) {
      const TemporaryDirectory folder;
      const BaseModel base = load_golden_model(directory);
      if (trainable) base.model->make_trainable();
      save_full_model(base, folder.path() / "out");
      const auto before = ShardedSafetensors::open(directory);
      const auto after = ShardedSafetensors::open(folder.path() / "out");
      ASSERT_EQ(before.names(), after.names());
      for (const std::string& name : before.names()) {
        EXPECT_TRUE(same_bytes(before.tensor(name), after.tensor(name)))
            << name;
      }
      EXPECT_TRUE(fs::exists(folder.path() / "out" / "config.json"));
      EXPECT_FALSE(
          fs::exists(folder.path() / "out" / "model.safetensors.index.json"));
      EXPECT_NO_THROW(load_golden_model(folder.path() / "out"));
    }
  });
}

using Tensors = std::vector<std::pair<std::string, HostTensor>>;

// A copy of a family's golden model with other tensors.
void write_variant(const fs::path& source, const fs::path& target,
                   const Tensors& tensors) {
  fs::create_directory(target);
  fs::copy_file(source / "config.json", target / "config.json");
  save_safetensors(target / "model.safetensors", tensors);
}

Tensors tensors_of(const fs::path& directory, const std::string& prefix) {
  const auto weights = ShardedSafetensors::open(directory);
  Tensors out;
  for (const std::string& name : weights.names()) {
    out.emplace_back(prefix + name, weights.tensor(name));
  }
  return out;
}

void expect_round_trip(const fs::path& directory) {
  const TemporaryDirectory folder;
  const BaseModel base = load_golden_model(directory);
  base.model->make_trainable();
  save_full_model(base, folder.path() / "out");
  const auto before = ShardedSafetensors::open(directory);
  const auto after = ShardedSafetensors::open(folder.path() / "out");
  ASSERT_EQ(before.names(), after.names());
  for (const std::string& name : before.names()) {
    EXPECT_TRUE(same_bytes(before.tensor(name), after.tensor(name))) << name;
  }
}

TEST(FullModel, keeps_a_wrappers_names_and_tensors) {
  const TemporaryDirectory folder;
  const fs::path source = source_path("tests/golden/families/qwen2_window");
  Tensors tensors = tensors_of(source, "language_model.");
  tensors.emplace_back("vision_tower.patch.weight",
                       to_host_tensor(at::arange(12, at::kFloat)));
  write_variant(source, folder.path() / "wrapped", tensors);
  expect_round_trip(folder.path() / "wrapped");
}

TEST(FullModel, keeps_a_tied_head_that_is_stored) {
  const TemporaryDirectory folder;
  const fs::path source = source_path("tests/golden/families/smollm3");
  Tensors tensors = tensors_of(source, "");
  const auto weights = ShardedSafetensors::open(source);
  tensors.emplace_back("lm_head.weight",
                       weights.tensor("model.embed_tokens.weight"));
  write_variant(source, folder.path() / "tied", tensors);
  expect_round_trip(folder.path() / "tied");
}

TEST(FullModel, golden_saves_trained_rows) {
  for_each_golden_model("models: save trained", [](const fs::path& directory) {
    const TemporaryDirectory folder;
    const BaseModel base = load_golden_model(directory);
    base.model->make_trainable();
    const auto parameters = base.model->named_parameters();
    const at::Tensor qkv =
        parameters["decoder.layers.0.self_attention.linear_qkv.weight"];
    {
      const at::NoGradGuard no_grad;
      qkv.narrow(0, 0, 1).fill_(2.0);
    }
    save_full_model(base, folder.path() / "out");
    const auto after = ShardedSafetensors::open(folder.path() / "out");
    const std::string attention = "model.layers.0.self_attn.";
    const bool fused = after.contains(attention + "qkv_proj.weight");
    const at::Tensor q = from_host_tensor(
        after.tensor(attention + (fused ? "qkv" : "q") + "_proj.weight"));
    EXPECT_TRUE(q[0].eq(2.0).all().item<bool>());
    EXPECT_FALSE(q[1].eq(2.0).any().item<bool>());
  });
}

TEST(FullModel, a_value_beyond_the_files_type_is_an_error) {
  const TemporaryDirectory folder;
  const fs::path tiny = source_path("examples/tiny/model");
  const fs::path half = folder.path() / "half";
  fs::create_directory(half);
  fs::copy_file(tiny / "config.json", half / "config.json");
  const auto weights = ShardedSafetensors::open(tiny);
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const std::string& name : weights.names()) {
    tensors.emplace_back(
        name,
        to_host_tensor(from_host_tensor(weights.tensor(name)).to(at::kHalf)));
  }
  save_safetensors(half / "model.safetensors", std::move(tensors));
  const BaseModel base = load_base_model(half, {.dtype = "fp32"});
  base.model->make_trainable();
  {
    const at::NoGradGuard no_grad;
    base.model->named_parameters()["decoder.final_layernorm.weight"].fill_(1e6);
  }
  try {
    save_full_model(base, folder.path() / "out");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("'model.norm.weight'"),
              std::string::npos);
  }
  EXPECT_FALSE(fs::exists(folder.path() / "out"));
}

TEST(BaseModel, golden_inventory_of_files_and_of_the_live_model_agree) {
  for_each_golden_model("models: inventory", [](const fs::path& directory) {
    const BaseModel base = load_golden_model(directory);
    const Inventory live = make_inventory(*base.model);
    ASSERT_EQ(live.modules.size(), base.inventory.modules.size());
    for (std::size_t i = 0; i < live.modules.size(); ++i) {
      const ModuleInfo& a = base.inventory.modules[i];
      const ModuleInfo& b = live.modules[i];
      EXPECT_EQ(a.path, b.path);
      EXPECT_EQ(a.kind, b.kind) << a.path;
      EXPECT_EQ(a.in, b.in) << a.path;
      EXPECT_EQ(a.out, b.out) << a.path;
      EXPECT_EQ(a.has_bias, b.has_bias) << a.path;
    }
  });
}

TEST(HostTensorBridge, keeps_types_shapes_and_bytes) {
  const at::Tensor values = at::arange(6).view({2, 3});
  for (const at::ScalarType type :
       {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
        at::kShort, at::kChar, at::kByte, at::kBool}) {
    const at::Tensor tensor = values.to(type);
    const HostTensor host = to_host_tensor(tensor.t());
    EXPECT_EQ(host.shape, (std::vector<std::int64_t>{3, 2}));
    EXPECT_TRUE(at::equal(from_host_tensor(host), tensor.t()));
    EXPECT_TRUE(at::equal(map_tensor(host), tensor.t()));
  }
  EXPECT_THROW(to_host_tensor(at::ones({1}, at::kComplexFloat)), ConfigError);
}

TEST(HostTensorBridge, maps_without_a_copy_unless_unaligned) {
  const HostTensor host = to_host_tensor(at::arange(4, at::kFloat));
  EXPECT_EQ(map_tensor(host).const_data_ptr(), host.bytes.data());
  HostTensor odd{DType::kF32, {3}, host.bytes.subspan(1, 12), host.owner};
  EXPECT_NE(map_tensor(odd).const_data_ptr(), odd.bytes.data());
  HostTensor empty{DType::kF32, {0, 3}, {}, nullptr};
  EXPECT_EQ(map_tensor(empty).numel(), 0);
}

}  // namespace
}  // namespace graft::test
