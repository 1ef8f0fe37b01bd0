// Every model of the goldens: logits, loss, hidden states, greedy
// tokens. Tolerances are those of the goldens' README.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "checkpoint/golden_model.h"
#include "graft/base/error.h"
#include "graft/models/gpt.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"
#include "support/unfinished_family.h"

namespace graft::test {
namespace {

namespace fs = std::filesystem;

constexpr double kLogits = 1e-4;
constexpr double kLoss = 2e-5;

double mean_loss(nn::CausalLm& model, const at::Tensor& hidden,
                 const at::Tensor& labels) {
  const auto used =
      labels.narrow(1, 1, labels.size(1) - 1).ne(-100).sum().item<double>();
  return model.loss_sum(hidden, labels).item<double>() / used;
}

// Logits and loss of one padding variant, `suffix` naming the positions.
void check_variant(nn::CausalLm& model, const GoldenTensors& golden,
                   const std::string& variant, const std::string& suffix) {
  SCOPED_TRACE(variant + suffix);
  const at::NoGradGuard no_grad;
  nn::LmInput input;
  input.input_ids = golden.at(variant + ".input_ids");
  input.attention_mask = golden.at(variant + ".attention_mask");
  if (!suffix.empty()) {
    input.position_ids = golden.at(variant + ".position_ids");
  }
  const at::Tensor hidden = model.hidden(input);
  EXPECT_LT(masked_difference(model.logits(hidden),
                              golden.at(variant + ".logits" + suffix),
                              input.attention_mask),
            kLogits);
  const at::Tensor labels = golden.at(variant + ".labels");
  EXPECT_NEAR(mean_loss(model, hidden, labels),
              golden.at(variant + ".loss" + suffix).item<double>(), kLoss);
}

void check_all_variants(const fs::path& directory, nn::CausalLm& model) {
  const GoldenTensors golden(directory / "golden.safetensors");
  for (const std::string variant : {"full", "left", "right"}) {
    check_variant(model, golden, variant, "");
    if (golden.contains(variant + ".position_ids")) {
      check_variant(model, golden, variant, "_posids");
    }
  }
}

TEST(BaseModel, golden_logits_and_loss) {
  for_each_golden_model("models: logits", [](const fs::path& directory) {
    check_all_variants(directory, *load_golden_model(directory).model);
  });
}

TEST(BaseModel, golden_legacy_config) {
  for_each_golden_model("models: legacy config", [](const fs::path& source) {
    if (!fs::exists(source / "config_legacy.json")) return;
    const TemporaryDirectory copy;
    for (const auto& entry : fs::directory_iterator(source)) {
      const fs::path name = entry.path().filename();
      if (name == "config.json") continue;
      const fs::path target =
          name == "config_legacy.json" ? "config.json" : name;
      fs::create_symlink(fs::absolute(entry.path()), copy.path() / target);
    }
    check_all_variants(source, *load_golden_model(copy.path()).model);
  });
}

TEST(BaseModel, golden_hidden_states) {
  for_each_golden_model("models: hidden", [](const fs::path& directory) {
    const GoldenTensors golden(directory / "golden.safetensors");
    const BaseModel base = load_golden_model(directory);
    nn::LmInput input;
    input.input_ids = golden.at("full.input_ids");
    const at::NoGradGuard no_grad;
    const auto states = gpt_hidden_states(*base.model, input);
    ASSERT_EQ(states.size(), static_cast<std::size_t>(base.config.layers) + 1);
    for (std::size_t i = 0; i < states.size(); ++i) {
      const at::Tensor want = golden.at("full.hidden." + std::to_string(i));
      EXPECT_LT((states[i] - want).abs().max().item<double>(), kLogits) << i;
    }
  });
}

at::Tensor greedy(nn::CausalLm& model, const at::Tensor& prompt,
                  std::int64_t count, bool cached) {
  const at::NoGradGuard no_grad;
  at::Tensor all = prompt;
  at::Tensor next = prompt;
  const auto cache = model.make_cache(prompt.size(0), prompt.size(1) + count);
  for (std::int64_t i = 0; i < count; ++i) {
    nn::LmInput input;
    input.input_ids = cached ? next : all;
    if (cached) input.cache = cache.get();
    const at::Tensor hidden = model.hidden(input);
    next = model.logits(hidden.narrow(1, hidden.size(1) - 1, 1)).argmax(-1);
    all = at::cat({all, next}, 1);
  }
  return all.narrow(1, prompt.size(1), count);
}

TEST(BaseModel, golden_greedy_tokens) {
  for_each_golden_model("models: greedy", [](const fs::path& directory) {
    const GoldenTensors golden(directory / "golden.safetensors");
    const BaseModel base = load_golden_model(directory);
    const at::Tensor want = golden.at("greedy.tokens");
    for (const bool cached : {false, true}) {
      const at::Tensor got =
          greedy(*base.model, golden.at("greedy.prompt"), want.size(1), cached);
      EXPECT_TRUE(at::equal(got, want)) << "cached: " << cached;
    }
  });
}

TEST(BaseModel, golden_native_logits) {
  for_each_golden_model("models: native", [](const fs::path& directory) {
    const GoldenTensors golden(directory / "golden.safetensors");
    const at::Tensor want = golden.find("native.logits");
    if (!want.defined()) return;
    const bool is_bf16 = want.scalar_type() == at::kBFloat16;
    for (const std::string layout : {"auto", "blocks"}) {
      ComputeOptions options{"cpu", "native", layout};
      const BaseModel base = load_base_model(directory, options);
      ASSERT_EQ(base.compute.mode, nn::ComputeMode::kNative);
      const at::NoGradGuard no_grad;
      nn::LmInput input;
      input.input_ids = golden.at("full.input_ids");
      const at::Tensor difference =
          (base.model->forward_logits(input) - want.to(at::kFloat)).abs();
      std::cout << directory.filename() << " native: mean "
                << difference.mean().item<double>() << ", largest "
                << difference.max().item<double>() << '\n';
      EXPECT_LT(difference.mean().item<double>(), is_bf16 ? 0.05 : 0.01);
    }
  });
}

TEST(BaseModel, golden_other_families_are_one_clear_error) {
  CaseCounter counter("models: other families");
  for (const fs::path& directory : golden_models()) {
    const auto config = read_json(directory / "config.json");
    const std::string type = config.at("model_type");
    if (!unfinished_family(type)) {
      counter.skipped("runs");
      continue;
    }
    counter.ran();
    try {
      load_golden_model(directory);
      ADD_FAILURE() << directory << " was loaded";
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(type));
    }
  }
}

}  // namespace
}  // namespace graft::test
