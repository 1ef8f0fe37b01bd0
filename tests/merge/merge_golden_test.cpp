// Every plain LoRA adapter of the goldens merged into its base, compared with
// the reference's tensors; everything else must be the base's, byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iostream>

#include "graft/base/half.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/merge/merge.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

bool is_set(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null() || *found == false) {
    return false;
  }
  return !found->empty();
}

// Why an adapter is not plain LoRA on linear layers; empty when it is.
std::string other_kind(const fs::path& folder) {
  const auto config = test::read_json(folder / "adapter_config.json");
  if (config.value("peft_type", "") != "LORA") return "not LoRA";
  if (config.value("bias", "none") != "none") return "bias";
  for (const char* key : {"use_dora", "lora_bias", "modules_to_save",
                          "trainable_token_indices"}) {
    if (is_set(config, key)) return key;
  }
  const auto file = SafetensorsFile::open(folder / "adapter_model.safetensors");
  for (const TensorEntry& entry : file.entries()) {
    if (entry.name.find("lora_embedding_A") != std::string::npos) {
      return "adapter on an embedding";
    }
  }
  return {};
}

// Distance in representable numbers of a 16-bit type.
int steps_between(std::uint16_t a, std::uint16_t b) {
  const auto order = [](std::uint16_t bits) {
    const int magnitude = bits & 0x7fff;
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
  };
  return std::abs(order(a) - order(b));
}

struct Deviation {
  double largest = 0.0;       // F32
  std::size_t different = 0;  // 16-bit elements that are not equal
  std::size_t far = 0;        // of these, more than one step and 1e-6 away
  std::size_t elements = 0;

  void add(const HostTensor& found, const HostTensor& expected) {
    const std::vector<float> a = found.to_floats();
    const std::vector<float> b = expected.to_floats();
    const bool half = dtype_size(found.dtype) == 2;
    elements += a.size();
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double difference = std::fabs(static_cast<double>(a[i]) - b[i]);
      largest = std::fmax(largest, difference);
      if (!half || difference == 0.0) continue;
      ++different;
      std::uint16_t bits[2];
      std::memcpy(&bits[0], found.bytes.data() + 2 * i, 2);
      std::memcpy(&bits[1], expected.bytes.data() + 2 * i, 2);
      if (steps_between(bits[0], bits[1]) > 1 && difference > 1e-6) ++far;
    }
  }

  void check(DType dtype) const {
    if (dtype_size(dtype) == 2) {
      EXPECT_EQ(far, 0u);
      EXPECT_LE(different * 1000, elements);
    } else {
      EXPECT_LE(largest, 1e-6);
    }
  }
};

void compare(const fs::path& base_path, const fs::path& merged_path,
             const fs::path& golden_path) {
  const auto base = ShardedSafetensors::open(base_path);
  const auto merged = ShardedSafetensors::open(merged_path);
  const auto golden = SafetensorsFile::open(golden_path);
  Deviation deviation;
  for (const std::string& name : merged.names()) {
    const HostTensor found = merged.tensor(name);
    const TensorEntry* entry = golden.find_or_null(name);
    if (entry != nullptr) {
      const HostTensor expected = golden.tensor(*entry);
      ASSERT_EQ(found.dtype, expected.dtype) << name;
      ASSERT_EQ(found.shape, expected.shape) << name;
      deviation.add(found, expected);
    } else {
      ASSERT_TRUE(base.contains(name)) << name;
      EXPECT_TRUE(std::ranges::equal(found.bytes, base.tensor(name).bytes))
          << name;
    }
  }
  for (const TensorEntry& entry : golden.entries()) {
    EXPECT_TRUE(merged.contains(entry.name)) << entry.name;
  }
  deviation.check(golden.entries().front().dtype);
}

void merge_and_compare(const fs::path& goldens, const fs::path& folder) {
  const auto config = test::read_json(folder / "adapter_config.json");
  const fs::path base =
      goldens / config.at("base_model_name_or_path").get<std::string>();
  const test::TemporaryDirectory directory;
  const fs::path output = directory.path() / "merged";
  const AdapterFile adapter = read_hf_adapter(folder, read_inventory(base));
  const MergeReport report = merge_checkpoint(base, adapter, output);
  EXPECT_EQ(report.adapter_pairs, adapter.records.size());
  compare(base, output, folder / "merged.safetensors");
  EXPECT_TRUE(verify_checkpoint(base, adapter, output).matches());
  EXPECT_EQ(verify_checkpoint(base, adapter, base).matches(), false);
  const auto golden = test::read_json(folder / "golden.json");
  EXPECT_EQ(report.untied, golden.value("untied_by_merge", false));
  const auto merged_config = test::read_json(output / "config.json");
  if (report.untied) {
    EXPECT_EQ(merged_config["tie_word_embeddings"], false);
  }
}

TEST(Merge, golden_plain_lora) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens folder\n";
    return;
  }
  test::CaseCounter counter("adapters merged");
  for (const fs::path& weights : test::files_below(*goldens, ".safetensors")) {
    const fs::path folder = weights.parent_path();
    if (weights.filename() != "merged.safetensors" ||
        !fs::exists(folder / "adapter_config.json")) {
      continue;
    }
    SCOPED_TRACE(folder.filename().string());
    const std::string other = other_kind(folder);
    if (!other.empty()) {
      counter.skipped(other);
      continue;
    }
    counter.ran();
    try {
      merge_and_compare(*goldens, folder);
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
