// The rule of compute.*: words, storage types, features; never a timing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "graft/base/error.h"
#include "graft/checkpoint/base_model.h"
#include "graft/checkpoint/environment.h"

namespace graft {
namespace {

using nn::ComputeMode;

ComputeChoice choose(const std::string& dtype, DType storage) {
  return choose_compute({"cpu", dtype, "auto"}, storage);
}

TEST(ComputeChoice, follows_storage_and_features) {
  const char* max_isa = std::getenv("ONEDNN_MAX_CPU_ISA");
  const CpuFeatures features =
      limit_features(cpu_features(), max_isa == nullptr ? "" : max_isa);
  const bool fast = features.amx_bf16 || features.avx512_bf16;
  EXPECT_EQ(choose("auto", DType::kBF16).mode,
            fast ? ComputeMode::kNative : ComputeMode::kFp32);
  EXPECT_EQ(choose("auto", DType::kF32).mode, ComputeMode::kFp32);
  EXPECT_EQ(choose("auto", DType::kF16).mode, ComputeMode::kFp32);
  EXPECT_EQ(choose("auto", DType::kF64).mode, ComputeMode::kFp32);
  EXPECT_EQ(choose("fp32", DType::kBF16).mode, ComputeMode::kFp32);
  EXPECT_EQ(choose("native", DType::kBF16).mode, ComputeMode::kNative);
  EXPECT_EQ(choose("native", DType::kF16).mode, ComputeMode::kNative);
  EXPECT_EQ(choose("native", DType::kF32).mode, ComputeMode::kFp32);
  EXPECT_EQ(choose("native", DType::kF64).mode, ComputeMode::kFp32);
}

TEST(ComputeChoice, copies_weights_only_when_asked) {
  const auto layout = [](const std::string& word) {
    return choose_compute({"cpu", "native", word}, DType::kBF16).layout;
  };
  EXPECT_EQ(layout("auto"), nn::WeightLayout::kBlocks);
  EXPECT_EQ(layout("blocks"), nn::WeightLayout::kBlocks);
  EXPECT_EQ(layout("packed"), nn::WeightLayout::kPacked);
}

TEST(ComputeChoice, obeys_the_limit_of_onednn) {
  const CpuFeatures all{true, true, true, true};
  struct Row {
    const char* max_isa;
    bool avx512, bf16, amx;
  };
  for (const Row& row :
       {Row{"", true, true, true}, Row{"DEFAULT", true, true, true},
        Row{"AVX512_CORE_AMX", true, true, true},
        Row{"AVX512_CORE_FP16", true, true, false},
        Row{"AVX512_CORE_BF16", true, true, false},
        Row{"AVX512_CORE_VNNI", true, false, false},
        Row{"AVX512_CORE", true, false, false},
        Row{"AVX2", false, false, false}}) {
    const CpuFeatures got = limit_features(all, row.max_isa);
    EXPECT_EQ(got.avx512, row.avx512) << row.max_isa;
    EXPECT_EQ(got.avx512_bf16, row.bf16) << row.max_isa;
    EXPECT_EQ(got.amx_bf16, row.amx) << row.max_isa;
  }
  EXPECT_FALSE(limit_features({}, "").amx_bf16);
}

TEST(ComputeChoice, gives_its_reason) {
  EXPECT_EQ(choose("auto", DType::kF32).reason, "fp32: F32 storage");
  EXPECT_EQ(choose("native", DType::kBF16).reason, "native bf16: asked for");
  EXPECT_EQ(choose("fp32", DType::kBF16).reason,
            "fp32 over BF16 storage: asked for");
}

TEST(ComputeChoice, refuses_unknown_words) {
  struct Row {
    ComputeOptions options;
    std::string named;
  };
  const Row rows[] = {{{"gpu", "auto", "auto"}, "compute.device"},
                      {{"cpu", "bf16", "auto"}, "compute.dtype"},
                      {{"cpu", "auto", "dense"}, "compute.weight_layout"}};
  for (const Row& row : rows) {
    try {
      choose_compute(row.options, DType::kF32);
      ADD_FAILURE() << row.named;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(row.named));
    }
  }
}

TEST(ComputeChoice, refuses_a_device_that_is_not_there) {
  const Environment environment = read_environment();
  if (environment.devices.size() > 1) {
    EXPECT_TRUE(
        choose_compute({"cuda", "auto", "auto"}, DType::kF32).device.is_cuda());
  } else {
    EXPECT_THROW(choose_compute({"cuda", "auto", "auto"}, DType::kF32),
                 ConfigError);
  }
}

TEST(Environment, is_filled) {
  const Environment environment = read_environment();
  EXPECT_FALSE(environment.libtorch_version.empty());
  EXPECT_FALSE(environment.compiler.empty());
  EXPECT_FALSE(environment.cpu.empty());
  EXPECT_GE(environment.threads, 1);
  EXPECT_THAT(environment.devices, testing::Contains("cpu"));
}

}  // namespace
}  // namespace graft
