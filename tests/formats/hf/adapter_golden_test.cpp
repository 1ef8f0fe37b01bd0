// Every adapter of the goldens, told apart by its config and tensor names:
// plain LoRA on linear layers loads with PEFT's rank and scale, other kinds are
// refused by name; every damaged adapter gets what cases.json wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "formats/hf/expert_tensors_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/io/safetensors.h"
#include "support/adapter_kind.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

Inventory base_inventory(const fs::path& goldens, const fs::path& adapter) {
  const auto config = test::read_json(adapter / "adapter_config.json");
  return read_inventory(
      goldens / config.at("base_model_name_or_path").get<std::string>());
}

void expect_refused(const fs::path& adapter, const Inventory& inventory,
                    const std::string& word) {
  try {
    read_hf_adapter(adapter, inventory);
    ADD_FAILURE() << adapter << " was accepted";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(word)) << adapter;
    EXPECT_THAT(error.what(), testing::HasSubstr(adapter.string()));
  }
}

// golden.json lists rank and scale of every adapted module, where it has them;
// on parameters by the names of their tensors.
void expect_modules(const fs::path& adapter, const AdapterFile& file) {
  if (!fs::exists(adapter / "golden.json")) return;
  const auto golden = test::read_json(adapter / "golden.json");
  if (!golden.contains("modules")) return;
  EXPECT_EQ(file.plan.sites.size(), golden["modules"].size()) << adapter;
  const auto parameters = parameter_tensor_paths(file.plan.sites);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Site& site = file.plan.sites[i];
    const std::string& name =
        parameters[i].empty() ? site.hf_paths.at(0) : parameters[i];
    const auto& expected = golden["modules"].at(name);
    EXPECT_EQ(site.adapter.rank, expected.at("r")) << name;
    EXPECT_DOUBLE_EQ(site.scale, expected.at("scaling").get<double>()) << name;
  }
}

// What graft writes of it reads back as the same adapter.
void expect_round_trip(const AdapterFile& file, const Inventory& inventory) {
  const test::TemporaryDirectory directory;
  write_hf_adapter(directory.path(), file,
                   {.inventory = &inventory, .allow_zero = true});
  const AdapterFile again = read_hf_adapter(directory.path(), inventory);
  ASSERT_EQ(again.plan.sites.size(), file.plan.sites.size());
  for (std::size_t i = 0; i < file.records.size(); ++i) {
    EXPECT_EQ(again.plan.sites[i].path(), file.plan.sites[i].path());
    EXPECT_DOUBLE_EQ(again.plan.sites[i].scale, file.plan.sites[i].scale);
    EXPECT_EQ(again.records[i].a.to_floats(), file.records[i].a.to_floats());
    EXPECT_EQ(again.records[i].b.to_floats(), file.records[i].b.to_floats());
  }
}

void check_adapter(const fs::path& goldens, const fs::path& adapter) {
  SCOPED_TRACE(adapter.string());
  const Inventory inventory = base_inventory(goldens, adapter);
  if (const auto word = test::refusal_word(adapter)) {
    expect_refused(adapter, inventory, *word);
    return;
  }
  const AdapterFile file = read_hf_adapter(adapter, inventory);
  expect_modules(adapter, file);
  expect_round_trip(file, inventory);
}

// Adapter directories anywhere below `directory`.
std::vector<fs::path> adapters_below(const fs::path& directory) {
  std::vector<fs::path> out;
  for (const fs::path& file : test::files_below(directory, ".json")) {
    if (file.filename() == "adapter_config.json") {
      out.push_back(file.parent_path());
    }
  }
  return out;
}

TEST(HfAdapter, golden_adapters) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens beside the source tree\n";
    return;
  }
  test::CaseCounter counter("adapters");
  for (const char* folder : {"adapters", "training"}) {
    for (const fs::path& adapter : adapters_below(*goldens / folder)) {
      check_adapter(*goldens, adapter);
      counter.ran();
    }
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

void check_broken(const fs::path& adapter, const std::string& want,
                  const Inventory& inventory) {
  SCOPED_TRACE(adapter.string());
  try {
    const AdapterFile file = read_hf_adapter(adapter, inventory);
    EXPECT_NE(want, "error") << "was accepted";
    EXPECT_EQ(file.warnings.empty(), want == "ok");
    EXPECT_FALSE(file.records.empty());
  } catch (const FileError& error) {
    EXPECT_EQ(want, "error") << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(adapter.string()));
    EXPECT_LT(std::string(error.what()).size(), 4000u);
  }
}

TEST(HfAdapter, golden_broken_adapters) {
  const auto goldens = test::goldens_dir();
  if (!goldens) {
    std::cout << "no goldens beside the source tree\n";
    return;
  }
  const fs::path folder = *goldens / "broken";
  const auto cases = test::read_json(folder / "cases.json");
  const Inventory inventory =
      read_inventory(*goldens / cases.at("base").get<std::string>());
  test::CaseCounter counter("broken adapters");
  for (const auto& row : cases.at("cases")) {
    check_broken(folder / row.at("name").get<std::string>(),
                 row.at("want").get<std::string>(), inventory);
    counter.ran();
  }
  EXPECT_GT(counter.ran_count(), 0u);
}

}  // namespace
}  // namespace graft
