// GGUF files as the base of a conversion and of a merge: every value decoded
// and rounded once, and the same as a merge into the decoded directory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "graft/base/error.h"
#include "graft/base/half.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/match/selector.h"
#include "graft/merge/merge.h"
#include "merge/checkpoint_fixture.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

fs::path golden(const std::string& name) {
  return test::source_path("tests/golden/gguf/models/" + name + ".gguf");
}

std::vector<std::byte> rounded(const StoredTensor& stored, DType dtype) {
  std::vector<float> values(
      static_cast<std::size_t>(stored.rows() * stored.columns()));
  stored.decode({0, stored.rows()}, values.data());
  std::vector<std::byte> out(values.size() * dtype_size(dtype));
  from_f32(dtype, values.data(), values.size(), out.data());
  return out;
}

MergeOptions options_of(DType dtype) {
  MergeOptions out;
  out.dtype = dtype;
  out.files = {{"tokenizer.json", "{}"}};
  return out;
}

std::string bytes_of(const fs::path& path) {
  return test::read_text(path / "model.safetensors");
}

TEST(ConvertGguf, EveryTensorIsDecodedAndRoundedOnce) {
  for (const std::string name : {"f32", "f16", "q4_1", "q5_0"}) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
      SCOPED_TRACE(name);
      const test::TemporaryDirectory directory;
      const fs::path output = directory.path() / "hf";
      const ConvertReport report =
          convert_checkpoint(golden(name), output, options_of(dtype));
      EXPECT_THAT(report.files,
                  ElementsAre("config.json", "generation_config.json",
                              "tokenizer.json"));
      EXPECT_EQ(report.max_rounding == 0.0, dtype == DType::kF32);
      const auto checkpoint = open_checkpoint(golden(name));
      const auto written = ShardedSafetensors::open(output);
      const auto rows = make_weight_table(checkpoint->config());
      EXPECT_EQ(written.names().size(), rows.size());
      for (const WeightRow& row : rows) {
        const HostTensor found = written.tensor(row.hf_name);
        EXPECT_EQ(found.dtype, dtype);
        EXPECT_EQ(found.shape, row.shape);
        EXPECT_TRUE(std::ranges::equal(
            found.bytes, rounded(checkpoint->tensor(row.hf_name), dtype)))
            << row.hf_name;
      }
    }
  }
}

// What the directory says is what the file said.
TEST(ConvertGguf, TheConfigurationSurvives) {
  for (const std::string name : {"f32", "f16", "bf16", "q4_1", "q5_0"}) {
    SCOPED_TRACE(name);
    const test::TemporaryDirectory directory;
    const fs::path output = directory.path() / "hf";
    convert_checkpoint(golden(name), output, options_of(DType::kF32));
    const auto before = open_checkpoint(golden(name));
    const auto after = open_checkpoint(output);
    const ModelConfig old = before->config();
    const ModelConfig now = after->config();
    EXPECT_EQ(now.norm_eps, old.norm_eps);
    EXPECT_EQ(now.head_dim, old.head_dim);
    EXPECT_EQ(now.max_positions, old.max_positions);
    EXPECT_EQ(now.attention_bias, old.attention_bias);
    EXPECT_EQ(now.mlp_bias, old.mlp_bias);
    EXPECT_EQ(now.tied_embeddings, old.tied_embeddings);
    EXPECT_EQ(now.rope.kind, old.rope.kind);
    EXPECT_EQ(now.rope.theta, old.rope.theta);
    EXPECT_EQ(now.rope.factor, old.rope.factor);
    EXPECT_EQ(now.dtype, DType::kF32);
    EXPECT_EQ(after->generation().eos_token_ids,
              before->generation().eos_token_ids);
    EXPECT_EQ(after->generation().bos_token_id,
              before->generation().bos_token_id);
    EXPECT_EQ(after->inventory().modules.size(),
              before->inventory().modules.size());
  }
}

// q, k, v, o, gate, up, down of both layers, with made-up numbers.
AdapterFile made_up_adapter(const Inventory& inventory) {
  Rule rule;
  rule.adapter.rank = 3;
  AdapterFile out;
  out.plan = Selector::compile({rule}).select(inventory);
  std::uint32_t seed = 1;
  for (const Site& site : out.plan.sites) {
    out.records.push_back(
        {.a = test::made_up_tensor(DType::kF32, {3, site.in}, seed++),
         .b =
             test::made_up_tensor(DType::kF32, {site.rows.size(), 3}, seed++)});
  }
  return out;
}

TEST(MergeGguf, EqualsTheMergeIntoTheDecodedDirectory) {
  for (const std::string name : {"q4_1", "q5_0", "f16"}) {
    SCOPED_TRACE(name);
    const test::TemporaryDirectory directory;
    const fs::path decoded = directory.path() / "decoded";
    convert_checkpoint(golden(name), decoded, options_of(DType::kF32));
    const AdapterFile adapter =
        made_up_adapter(open_checkpoint(golden(name))->inventory());
    ASSERT_GT(adapter.records.size(), 4U);
    const fs::path straight = directory.path() / "straight";
    const fs::path twice = directory.path() / "twice";
    const MergeReport report = merge_checkpoint(golden(name), adapter, straight,
                                                options_of(DType::kF32));
    EXPECT_FALSE(report.merged.empty());
    merge_checkpoint(decoded, adapter, twice);
    EXPECT_EQ(bytes_of(straight), bytes_of(twice));
    EXPECT_TRUE(verify_checkpoint(golden(name), adapter, straight).matches());
  }
}

TEST(MergeGguf, RoundsOnceAndVerifyKnowsTheType) {
  const test::TemporaryDirectory directory;
  const fs::path wide = directory.path() / "wide";
  const fs::path narrow = directory.path() / "narrow";
  const fs::path base = golden("q4_0");
  const AdapterFile adapter =
      made_up_adapter(open_checkpoint(base)->inventory());
  merge_checkpoint(base, adapter, wide, options_of(DType::kF32));
  merge_checkpoint(base, adapter, narrow, options_of(DType::kBF16));
  const auto exact = ShardedSafetensors::open(wide);
  const auto stored = ShardedSafetensors::open(narrow);
  for (const std::string& name : exact.names()) {
    const std::vector<float> values = exact.tensor(name).to_floats();
    std::vector<std::byte> once(2 * values.size());
    from_f32(DType::kBF16, values.data(), values.size(), once.data());
    EXPECT_TRUE(std::ranges::equal(stored.tensor(name).bytes, once)) << name;
  }
  EXPECT_TRUE(verify_checkpoint(base, adapter, narrow).matches());
  // Another base gives other numbers.
  EXPECT_FALSE(verify_checkpoint(golden("q8_0"), adapter, narrow).matches());
}

TEST(ConvertGguf, RefusesWhatItCannotDo) {
  const test::TemporaryDirectory directory;
  const auto message = [&](const fs::path& from, DType dtype) -> std::string {
    try {
      convert_checkpoint(from, directory.path() / "out", options_of(dtype));
    } catch (const Error& error) {
      return error.what();
    }
    return "converted";
  };
  EXPECT_THAT(message(test::source_path("examples/tiny/model"), DType::kF32),
              HasSubstr("expected a GGUF file"));
  EXPECT_THAT(message(golden("q4_0"), DType::kI8), HasSubstr("got I8"));
  EXPECT_FALSE(fs::exists(directory.path() / "out"));
  EXPECT_EQ(message(golden("q4_0"), DType::kF32), "converted");
  EXPECT_THAT(message(golden("q4_0"), DType::kF32), HasSubstr("out"));
}

}  // namespace
}  // namespace graft
