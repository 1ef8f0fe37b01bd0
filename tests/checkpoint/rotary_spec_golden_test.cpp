// Every rope type against transformers on one tiny model
// (tests/golden/models/make_rope_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "checkpoint/golden_model.h"
#include "checkpoint/rotary_spec_internal.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;

TEST(RotarySpec, golden_rope_types) {
  const fs::path folder = source_path("tests/golden/models");
  const GoldenTensors golden(folder / "rope_golden.safetensors");
  const auto cases = read_json(folder / "rope_cases.json");
  for (const auto& [name, config] : cases.items()) {
    SCOPED_TRACE(name);
    const TemporaryDirectory model;
    model.write("config.json", config.dump());
    fs::create_symlink(folder / "rope_model.safetensors",
                       model.path() / "model.safetensors");
    const BaseModel base = load_golden_model(model.path());
    nn::LmInput input;
    input.input_ids = golden.at("input_ids");
    const at::NoGradGuard no_grad;
    const at::Tensor got = base.model->forward_logits(input);
    EXPECT_LT((got - golden.at(name + ".logits")).abs().max().item<double>(),
              1e-4);
    const RotarySpec spec = make_rotary_spec(base.config.rope, 16);
    const auto frequencies = spec.for_length
                                 ? spec.for_length(input.input_ids.size(1))
                                 : spec.inverse_frequencies;
    EXPECT_TRUE(at::allclose(at::tensor(frequencies),
                             golden.at(name + ".inv_freq"), 1e-6, 0.0));
  }
}

TEST(RotarySpec, dynamic_returns_to_plain_for_short_sequences) {
  RopeConfig rope;
  rope.kind = RopeKind::kDynamic;
  rope.factor = 2.0;
  rope.original_max_positions = 16;
  const RotarySpec spec = make_rotary_spec(rope, 8);
  EXPECT_EQ(spec.for_length(16), spec.inverse_frequencies);
  EXPECT_NE(spec.for_length(17), spec.inverse_frequencies);
}

}  // namespace
}  // namespace graft::test
