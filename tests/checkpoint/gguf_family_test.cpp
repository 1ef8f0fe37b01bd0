// Models loaded from GGUF files of every architecture: logits against
// transformers on the values in the file
// (tests/golden/gguf/make_family_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "checkpoint/golden_model.h"
#include "graft/checkpoint/base_model.h"
#include "support/shared_data.h"

namespace graft {
namespace {

const std::string kFolder = "tests/golden/gguf/families/";

// Within the rounding of fp32: values reach about 12.
TEST(GgufFamilyModel, LogitsEqualThoseOfTransformers) {
  const test::GoldenTensors tensors(
      test::source_path(kFolder + "golden.safetensors"));
  const auto cases = test::read_json(test::source_path(kFolder + "cases.json"));
  const at::NoGradGuard no_grad;
  std::size_t count = 0;
  for (const auto& [name, about] : cases.items()) {
    SCOPED_TRACE(name);
    const BaseModel base = load_base_model(
        test::source_path(kFolder + name + ".gguf"), {"cpu", "fp32", "auto"});
    const at::Tensor logits =
        base.model->logits(base.model->hidden({tensors.at("ids")}));
    const at::Tensor wanted = tensors.at(name + ".logits");
    EXPECT_LT((logits - wanted).abs().max().item<double>(), 2e-5);
    EXPECT_TRUE(at::equal(logits.argmax(-1), wanted.argmax(-1)));
    ++count;
  }
  EXPECT_GE(count, 13U);
}

}  // namespace
}  // namespace graft
