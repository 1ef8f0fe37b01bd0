// Models loaded from GGUF files: logits of every tensor type against
// transformers on the decoded values (tests/golden/gguf), and what stays
// quantised.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/golden_model.h"
#include "graft/base/error.h"
#include "graft/checkpoint/base_model.h"
#include "graft/nn/linear_slot.h"
#include "support/shared_data.h"

namespace graft {
namespace {

using testing::HasSubstr;

std::filesystem::path golden(const std::string& name) {
  return test::source_path("tests/golden/gguf/models/" + name);
}

BaseModel load(const std::string& name, const std::string& dtype = "fp32") {
  return load_base_model(golden(name + ".gguf"), {"cpu", dtype, "auto"});
}

class GgufModel : public testing::TestWithParam<const char*> {};

// transformers ran on the values that the package gguf decodes.
TEST_P(GgufModel, LogitsEqualTheHuggingFaceTwin) {
  const test::GoldenTensors tensors(golden("golden.safetensors"));
  const BaseModel base = load(GetParam());
  const at::NoGradGuard no_grad;
  const at::Tensor logits =
      base.model->logits(base.model->hidden({tensors.at("ids")}));
  const at::Tensor wanted = tensors.at(std::string(GetParam()) + ".logits");
  EXPECT_LT((logits - wanted).abs().max().item<double>(), 2e-6);
  EXPECT_TRUE(at::equal(logits.argmax(-1), wanted.argmax(-1)));
}

INSTANTIATE_TEST_SUITE_P(Types, GgufModel,
                         testing::Values("f32", "f16", "bf16", "q4_0", "q4_1",
                                         "q5_0", "q5_1", "q8_0"),
                         [](const auto& info) { return info.param; });

TEST(GgufModelLoad, NativeBf16PutsRowsInOrder) {
  const test::GoldenTensors tensors(golden("golden.safetensors"));
  const BaseModel base = load("bf16", "native");
  const at::NoGradGuard no_grad;
  const at::Tensor logits =
      base.model->logits(base.model->hidden({tensors.at("ids")}));
  const at::Tensor wanted = tensors.at("bf16.logits");
  EXPECT_LT((logits.to(at::kFloat) - wanted).abs().max().item<double>(), 0.02);
}

TEST(GgufModelLoad, QuantisedRowsStayQuantised) {
  const BaseModel base = load("q4_1");
  EXPECT_EQ(base.compute.reason,
            "fp32 over Q4_1, Q5_0, Q8_0 storage: decoded block by block");
  EXPECT_TRUE(base.config.tied_embeddings);
  const auto modules = base.model->named_modules("", false);
  const auto& qkv = modules["decoder.layers.0.self_attention.linear_qkv"];
  const auto* slot = dynamic_cast<const nn::LinearSlot*>(qkv.get());
  ASSERT_NE(slot, nullptr);
  EXPECT_EQ(slot->frozen()->block_count(), 3U);
  EXPECT_TRUE(base.model->parameters().empty() ||
              !base.model->parameters()[0].requires_grad());
}

TEST(GgufModelLoad, OtherArithmeticIsRefusedWithAHint) {
  const auto message = [](const ComputeOptions& options) -> std::string {
    try {
      load_base_model(golden("q4_0.gguf"), options);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "loaded";
  };
  EXPECT_THAT(message({"cpu", "native", "auto"}),
              HasSubstr("compute.dtype: got native, expected fp32. Decoded "
                        "weights (Q4_0) run in fp32 on the CPU; graft "
                        "convert"));
  EXPECT_THAT(message({"auto", "auto", "packed"}),
              HasSubstr("compute.weight_layout: got packed, expected blocks"));
  EXPECT_EQ(message({"auto", "auto", "auto"}), "loaded");
}

}  // namespace
}  // namespace graft
