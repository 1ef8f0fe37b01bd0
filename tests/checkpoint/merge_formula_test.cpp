// The formula is written twice, for live tensors and for files: here the two
// meet.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "checkpoint/golden_model.h"
#include "graft/checkpoint/base_model.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/io/safetensors_writer.h"
#include "graft/match/selector.h"
#include "graft/merge/merge.h"
#include "graft/peft/delta.h"
#include "support/temporary_directory.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;

// A checkpoint of one matrix, of no family.
void write_checkpoint(const fs::path& directory, const at::Tensor& weight) {
  fs::create_directories(directory);
  save_safetensors(directory / "model.safetensors",
                   {{"fc.weight", to_host_tensor(weight)}});
  std::ofstream(directory / "config.json") << R"({"model_type": "none"})";
}

AdapterFile adapter_on(const fs::path& directory, const at::Tensor& a,
                       const at::Tensor& b) {
  Rule rule;
  rule.targets = {"fc"};
  rule.adapter.rank = a.size(0);
  rule.adapter.alpha = 5.0;
  AdapterFile file;
  file.plan = Selector::compile({rule}).select(read_inventory(directory));
  file.records = {{to_host_tensor(a), to_host_tensor(b), {}}};
  return file;
}

TEST(MergeFormula, live_and_files_agree) {
  at::manual_seed(11);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor weight = at::randn({19, 14}).to(type);
    const at::Tensor a = at::randn({3, 14});
    const at::Tensor b = at::randn({19, 3});
    const TemporaryDirectory folder;
    write_checkpoint(folder.path() / "base", weight);
    const AdapterFile adapter = adapter_on(folder.path() / "base", a, b);
    ASSERT_EQ(adapter.plan.sites.size(), 1U);
    merge_checkpoint(folder.path() / "base", adapter, folder.path() / "merged");
    const GoldenTensors merged(folder.path() / "merged" / "model.safetensors");
    const double scale = adapter.plan.sites[0].scale;
    const at::Tensor want = weight.to(at::kFloat) + lora_delta(a, b, scale);
    const at::Tensor got = merged.at("fc.weight").to(at::kFloat);
    const double allowed = type == at::kFloat ? 2e-6 : 0.07;
    EXPECT_LE((got - want).abs().max().item<double>(), allowed);
  }
}

}  // namespace
}  // namespace graft::test
