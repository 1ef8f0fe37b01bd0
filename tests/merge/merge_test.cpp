// merge_checkpoint on made-up checkpoints: values, untouched bytes, side
// files, threads, what is refused.
#include "graft/merge/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "graft/io/sharded_safetensors.h"
#include "merge/checkpoint_fixture.h"
#include "support/shared_data.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using test::CheckpointFixture;
using test::made_up_site;
using test::made_up_tensor;
using test::make_adapter;
using test::merged_bytes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

void expect_bytes(const HostTensor& found, const HostTensor& expected) {
  EXPECT_EQ(found.dtype, expected.dtype);
  EXPECT_TRUE(std::ranges::equal(found.bytes, expected.bytes));
}

void expect_merged(const CheckpointFixture& files, const AdapterFile& adapter,
                   const std::vector<std::string>& tensors) {
  const auto base = ShardedSafetensors::open(files.base());
  const auto merged = ShardedSafetensors::open(files.output());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(
        merged.tensor(tensors[i]).bytes,
        merged_bytes(base.tensor(tensors[i]), adapter.records[i],
                     adapter.plan.sites[i].scale)))
        << tensors[i];
  }
}

template <typename Error>
std::string error_of(const CheckpointFixture& files, const AdapterFile& adapter,
                     const MergeOptions& options = {}) {
  try {
    merge_checkpoint(files.base(), adapter, files.output(), options);
  } catch (const Error& error) {
    return error.what();
  }
  return "merged";
}

TEST(Merge, ComputesTheFormulaForEveryDtype) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const DType stored : {DType::kF32, DType::kBF16, DType::kF16}) {
      const CheckpointFixture files(dtype);
      const AdapterFile adapter = CheckpointFixture::adapter(stored);
      merge_checkpoint(files.base(), adapter, files.output());
      expect_merged(files, adapter, {"a.proj.weight", "b.proj.weight"});
    }
  }
}

TEST(Merge, ComputesDoubleWeightsInDouble) {
  const CheckpointFixture files(DType::kF64);
  AdapterFile adapter = CheckpointFixture::adapter();
  adapter.records[0].a = made_up_tensor(DType::kF64, {3, 19}, 9);
  merge_checkpoint(files.base(), adapter, files.output());
  const auto base = ShardedSafetensors::open(files.base());
  const auto merged = ShardedSafetensors::open(files.output());
  const auto element = [](const HostTensor& tensor, std::size_t i) {
    double value = 0;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(double), sizeof value);
    return value;
  };
  const HostTensor w = base.tensor("a.proj.weight");
  const std::vector<float> b = adapter.records[0].b.to_floats();
  for (std::size_t i = 0; i < 95; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      sum += b[i / 19 * 3 + k] * element(adapter.records[0].a, k * 19 + i % 19);
    }
    EXPECT_EQ(element(merged.tensor("a.proj.weight"), i),
              element(w, i) + 2.0 * sum);
  }
}

TEST(Merge, KeepsEverythingElse) {
  const CheckpointFixture files(DType::kBF16);
  fs::permissions(files.base() / CheckpointFixture::kFirst, fs::perms(0640));
  fs::permissions(files.base() / "tokenizer.json", fs::perms(0600));
  const MergeReport report = merge_checkpoint(
      files.base(), CheckpointFixture::adapter(), files.output());
  const auto base = ShardedSafetensors::open(files.base());
  const auto merged = ShardedSafetensors::open(files.output());
  EXPECT_EQ(merged.names(), base.names());
  for (const std::string name :
       {"a.norm.weight", "a.steps.weight", "embed_tokens.weight"}) {
    expect_bytes(merged.tensor(name), base.tensor(name));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const auto header = [](const SafetensorsFile& file) {
      return file.mapping().bytes().first(file.data_offset());
    };
    EXPECT_TRUE(std::ranges::equal(header(base.shards()[i]),
                                   header(merged.shards()[i])));
  }
  for (const std::string name :
       {"config.json", "tokenizer.json", "model.safetensors.index.json"}) {
    EXPECT_EQ(test::read_text(files.output() / name),
              test::read_text(files.base() / name));
  }
  EXPECT_EQ(
      fs::status(files.output() / CheckpointFixture::kFirst).permissions(),
      fs::perms(0640));
  EXPECT_EQ(fs::status(files.output() / "tokenizer.json").permissions(),
            fs::perms(0600));
  EXPECT_FALSE(fs::exists(files.output() / "sub"));
  EXPECT_THAT(report.skipped_files,
              ElementsAre("other.safetensors", "pytorch_model.bin"));
}

TEST(Merge, ReportsWhatItDid) {
  const CheckpointFixture files(DType::kF16);
  const MergeReport report = merge_checkpoint(
      files.base(), CheckpointFixture::adapter(), files.output());
  ASSERT_EQ(report.merged.size(), 2u);
  EXPECT_EQ(report.merged[0].name, "a.proj.weight");
  EXPECT_EQ(report.adapter_pairs, 2u);
  EXPECT_EQ(report.copied_tensors, 3u);
  EXPECT_FALSE(report.untied);
  EXPECT_TRUE(report.merged[0].changed);
  EXPECT_GT(report.merged[0].relative_change, 0.5);
  EXPECT_LT(report.merged[0].relative_change, 5.0);
  EXPECT_GT(report.merged[0].max_rounding, 0.0);
  EXPECT_LT(report.merged[0].max_rounding, 0.01);
  EXPECT_THAT(report.shards, ElementsAre(CheckpointFixture::kFirst,
                                         CheckpointFixture::kSecond));
  EXPECT_THAT(merge_report_to_text(report),
              HasSubstr("merged 2 adapter pairs into 2 tensors, copied 3"));
  EXPECT_EQ(nlohmann::json::parse(merge_report_to_json(report))["schema"],
            "graft.merge/1");
}

TEST(Merge, TellsWhenRoundingSwallowsTheDelta) {
  const CheckpointFixture files(DType::kBF16);
  AdapterFile adapter = CheckpointFixture::adapter();
  for (Site& site : adapter.plan.sites) site.scale = 1e-30;
  const MergeReport report =
      merge_checkpoint(files.base(), adapter, files.output());
  EXPECT_FALSE(report.merged[0].changed);
  EXPECT_THAT(merge_report_to_text(report),
              HasSubstr("warning: 2 merged tensors did not change"));
}

TEST(Merge, SplitsFusedSitesByRows) {
  const CheckpointFixture files(DType::kF32);
  files.save(CheckpointFixture::kFirst,
             {{"a.norm.weight", made_up_tensor(DType::kF32, {19}, 1)},
              {"a.proj.weight", made_up_tensor(DType::kF32, {5, 48}, 2)},
              {"a.steps.weight", made_up_tensor(DType::kF32, {1}, 2)}});
  Site site = made_up_site("decoder.linear_qkv", 69, 48, 4);
  site.rows = {10, 79};
  site.hf_paths = {"b.proj", "a.proj"};
  site.hf_rows = {{10, 74}, {74, 79}};
  const AdapterFile adapter = make_adapter({site});
  merge_checkpoint(files.base(), adapter, files.output());
  const auto base = ShardedSafetensors::open(files.base());
  const auto merged = ShardedSafetensors::open(files.output());
  AdapterRecord last = adapter.records[0];
  last.b.shape = {5, 4};
  last.b.bytes = last.b.bytes.subspan(64 * 4 * sizeof(float));
  EXPECT_TRUE(std::ranges::equal(
      merged.tensor("a.proj.weight").bytes,
      merged_bytes(base.tensor("a.proj.weight"), last, site.scale)));
  EXPECT_TRUE(std::ranges::equal(merged.tensor("b.proj.weight").bytes,
                                 merged_bytes(base.tensor("b.proj.weight"),
                                              adapter.records[0], site.scale)));
}

TEST(Merge, GivesTheSameBytesForAnyThreadCount) {
  const CheckpointFixture files(DType::kBF16);
  files.save(
      CheckpointFixture::kSecond,
      {{"b.proj.weight", made_up_tensor(DType::kBF16, {1500, 1501}, 3)},
       {"embed_tokens.weight", made_up_tensor(DType::kBF16, {3000, 3000}, 4)}});
  const AdapterFile adapter =
      make_adapter({made_up_site("b.proj", 1500, 1501, 5)});
  std::string first;
  for (const int threads : {1, 2, 5}) {
    MergeOptions options;
    options.threads = threads;
    options.overwrite = true;
    std::uint64_t done = 0;
    options.progress = [&](const MergeProgress& progress) {
      EXPECT_GT(progress.bytes_done, done);
      done = progress.bytes_done;
    };
    const MergeReport report =
        merge_checkpoint(files.base(), adapter, files.output(), options);
    EXPECT_EQ(done, report.bytes);
    const std::string bytes =
        test::read_text(files.output() / CheckpointFixture::kSecond);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << threads;
  }
  expect_merged(files, adapter, {"b.proj.weight"});
}

TEST(Merge, RefusesTensorsThatDoNotFitAllTogether) {
  const CheckpointFixture files(DType::kF32);
  AdapterFile adapter = make_adapter(
      {made_up_site("a.proj", 6, 19, 3), made_up_site("a.steps", 1, 2, 1),
       made_up_site("c.proj", 6, 19, 3), made_up_site("b.proj", 64, 48, 4)});
  adapter.records[3].magnitude = made_up_tensor(DType::kF32, {64}, 1);
  EXPECT_THAT(error_of<FileError>(files, adapter),
              AllOf(HasSubstr("a.proj.weight: shape [5, 19]"),
                    HasSubstr("a.steps.weight: stored as I32"),
                    HasSubstr("c.proj.weight: not in the base"),
                    HasSubstr("site b.proj: graft does not merge DoRA yet")));
  adapter.records.pop_back();
  EXPECT_THAT(error_of<ConfigError>(files, adapter), HasSubstr("3 pairs"));
  EXPECT_THAT(error_of<ConfigError>(files, AdapterFile()),
              HasSubstr("none at all"));
  EXPECT_FALSE(fs::exists(files.output()));
}

TEST(Merge, NamesTheIntegersOfAQuantisedBase) {
  for (const std::string name : {"c.proj.qweight", "c.proj.weight_packed"}) {
    const CheckpointFixture files(DType::kF32);
    for (const auto& entry :
         {CheckpointFixture::kFirst, CheckpointFixture::kSecond,
          "model.safetensors.index.json"}) {
      fs::remove(files.base() / entry);
    }
    files.save("model.safetensors",
               {{name, made_up_tensor(DType::kF32, {5, 19}, 1)}});
    const AdapterFile adapter =
        make_adapter({made_up_site("c.proj", 6, 19, 3)});
    EXPECT_THAT(error_of<FileError>(files, adapter),
                HasSubstr("c.proj.weight: stored quantised, as " + name));
  }
}

TEST(Merge, RefusesNumbersThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), 60000.0f}) {
    const CheckpointFixture files(DType::kF16);
    std::vector<std::byte> bytes(5 * 19 * 2);
    const std::vector<float> values(5 * 19, bad);
    from_f32(DType::kF16, values.data(), values.size(), bytes.data());
    files.save(
        CheckpointFixture::kFirst,
        {{"a.norm.weight", made_up_tensor(DType::kF16, {19}, 1)},
         {"a.proj.weight", HostTensor::make_owned(DType::kF16, {5, 19}, bytes)},
         {"a.steps.weight", made_up_tensor(DType::kF16, {1}, 2)}});
    AdapterFile adapter = CheckpointFixture::adapter();
    adapter.plan.sites[0].scale = 1e5;
    EXPECT_THAT(
        error_of<FileError>(files, adapter),
        AllOf(HasSubstr("tensor a.proj.weight"), HasSubstr("NaN or infinity")));
    EXPECT_FALSE(fs::exists(files.output()));
  }
}

TEST(Merge, UntiesTheHeadWhenItAloneIsAdapted) {
  const CheckpointFixture files(DType::kF32);
  const AdapterFile adapter = make_adapter({made_up_site("lm_head", 20, 8, 3)});
  const MergeReport report =
      merge_checkpoint(files.base(), adapter, files.output());
  EXPECT_TRUE(report.untied);
  const auto base = ShardedSafetensors::open(files.base());
  const auto merged = ShardedSafetensors::open(files.output());
  const HostTensor embedding = base.tensor("embed_tokens.weight");
  expect_bytes(merged.tensor("embed_tokens.weight"), embedding);
  EXPECT_TRUE(std::ranges::equal(merged.tensor("lm_head.weight").bytes,
                                 merged_bytes(embedding, adapter.records[0],
                                              adapter.plan.sites[0].scale)));
  EXPECT_EQ(
      nlohmann::json::parse(test::read_text(files.output() / "config.json")),
      nlohmann::json::parse(
          R"({"rope":1e-06,"tie_word_embeddings":false,"a":[1]})"));
  const auto index =
      test::read_json(files.output() / "model.safetensors.index.json");
  EXPECT_EQ(index["metadata"]["total_size"], report.bytes);
  EXPECT_TRUE(
      verify_checkpoint(files.base(), adapter, files.output()).matches());
}

}  // namespace
}  // namespace graft
