// Adapters on packed experts and routers of a checkpoint without a table: from
// PEFT's file through the merge, checked by the formula for each expert.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/match/selector.h"
#include "graft/merge/merge.h"
#include "merge/checkpoint_fixture.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using test::made_up_tensor;

constexpr std::int64_t kExperts = 3, kHidden = 19, kInner = 6;

class PackedFixture {
 public:
  PackedFixture(const std::string& type, DType dtype) {
    std::vector<std::pair<std::string, HostTensor>> tensors = {
        {"model.norm.weight", made_up_tensor(dtype, {kHidden}, 9)}};
    const std::string mlp = "model.layers.0.mlp.";
    tensors.emplace_back(mlp + "gate.weight",
                         made_up_tensor(dtype, {kExperts, kHidden}, 1));
    tensors.emplace_back(
        mlp + "experts.gate_up_proj",
        made_up_tensor(dtype, {kExperts, 2 * kInner, kHidden}, 2));
    tensors.emplace_back(mlp + "experts.down_proj",
                         made_up_tensor(dtype, {kExperts, kHidden, kInner}, 3));
    fs::create_directories(base());
    save_safetensors(base() / "model.safetensors", std::move(tensors));
    directory_.write("base/config.json", R"({"model_type":")" + type + "\"}");
  }
  fs::path base() const { return directory_.path() / "base"; }
  fs::path adapter() const { return directory_.path() / "adapter"; }
  fs::path output() const { return directory_.path() / "out"; }

  // Of all three parameters, rank 2.
  AdapterFile make_adapter() const {
    Rule rule;
    rule.syntax = PatternSyntax::kPeft;
    rule.peft.targets_listed = true;
    rule.peft.target_parameters = {"experts.gate_up_proj", "experts.down_proj",
                                   "gate.weight"};
    rule.adapter.rank = 2;
    rule.adapter.alpha = 3;
    AdapterFile out;
    out.plan = Selector::compile({rule}).select(read_inventory(base()));
    std::uint32_t seed = 50;
    for (const Site& site : out.plan.sites) {
      out.records.push_back(
          {.a = made_up_tensor(DType::kF32, {site.experts * 2, site.in}, seed),
           .b = made_up_tensor(DType::kF32, {site.rows.size(), 2}, seed + 1)});
      seed += 2;
    }
    return out;
  }

 private:
  test::TemporaryDirectory directory_;
};

HostTensor rows_of(const HostTensor& tensor, std::int64_t begin,
                   std::int64_t count) {
  const std::int64_t width = tensor.shape.back();
  const auto size = static_cast<std::size_t>(width) * dtype_size(tensor.dtype);
  HostTensor out = tensor;
  out.shape = {count, width};
  out.bytes = tensor.bytes.subspan(static_cast<std::size_t>(begin) * size,
                                   static_cast<std::size_t>(count) * size);
  return out;
}

// Bit for bit, expert by expert.
void check_site(const Site& site, const AdapterRecord& record,
                const HostTensor& base, const HostTensor& merged) {
  ASSERT_EQ(merged.shape, base.shape);
  const std::int64_t rows = site.rows_of_expert();
  for (std::int64_t e = 0; e < site.experts; ++e) {
    const AdapterRecord one{
        .a = rows_of(record.a, e * site.adapter.rank, site.adapter.rank),
        .b = rows_of(record.b, e * rows, rows)};
    const auto want =
        test::merged_bytes(rows_of(base, e * rows, rows), one, site.scale);
    EXPECT_TRUE(std::ranges::equal(rows_of(merged, e * rows, rows).bytes, want))
        << site.path() << " expert " << e;
  }
}

TEST(ExpertMerge, packed_experts_of_any_checkpoint) {
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const PackedFixture files("some_moe", dtype);
    const Inventory inventory = read_inventory(files.base());
    write_hf_adapter(files.adapter(), files.make_adapter(),
                     {.inventory = &inventory});
    const AdapterFile adapter = read_hf_adapter(files.adapter(), inventory);
    ASSERT_EQ(adapter.plan.sites.size(), 3u);
    const MergeReport report =
        merge_checkpoint(files.base(), adapter, files.output());
    EXPECT_EQ(report.merged.size(), 3u);
    const auto base = ShardedSafetensors::open(files.base());
    const auto merged = ShardedSafetensors::open(files.output());
    for (std::size_t i = 0; i < adapter.records.size(); ++i) {
      const Site& site = adapter.plan.sites[i];
      const std::string& name = site.hf_parameter;
      check_site(site, adapter.records[i], base.tensor(name),
                 merged.tensor(name));
    }
    EXPECT_TRUE(
        verify_checkpoint(files.base(), adapter, files.output()).matches());
  }
}

TEST(ExpertMerge, refuses_transposed_experts_and_wrong_pairs) {
  const PackedFixture turned("gpt_oss", DType::kF32);
  const Inventory inventory = read_inventory(turned.base());
  try {
    write_hf_adapter(turned.adapter(), turned.make_adapter(),
                     {.inventory = &inventory});
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("stored transposed"));
  }
  const PackedFixture files("some_moe", DType::kF32);
  AdapterFile adapter = files.make_adapter();
  adapter.plan.sites[1].experts = 2;
  try {
    merge_checkpoint(files.base(), adapter, files.output());
    ADD_FAILURE();
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("2 experts"));
  }
}

}  // namespace
}  // namespace graft
