// GGUF files of every architecture: each tensor is the one of the Hugging Face
// model that the file was made from, and the configuration says what the file
// says (tests/golden/gguf/make_family_golden.py; logits are compared in
// tests/checkpoint).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graft/base/error.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/sharded_safetensors.h"
#include "support/gguf_bytes.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::GgufBytes;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kFolder = "tests/golden/gguf/families/";

std::unique_ptr<const Checkpoint> open(const std::string& name) {
  return open_checkpoint(test::source_path(kFolder + name + ".gguf"));
}

std::vector<float> values_of(const StoredTensor& tensor) {
  std::vector<float> out(
      static_cast<std::size_t>(tensor.rows() * tensor.columns()));
  tensor.decode({0, tensor.rows()}, out.data());
  return out;
}

// Gemma's norms are stored as 1 + w in fp32.
bool is_shifted(const ModelConfig& config, const std::string& name) {
  return config.norms.zero_centred && name.ends_with("norm.weight");
}

TEST(GgufFamily, TensorsAreThoseOfTheSource) {
  const auto cases = test::read_json(test::source_path(kFolder + "cases.json"));
  std::size_t compared = 0;
  for (const auto& [name, about] : cases.items()) {
    SCOPED_TRACE(name);
    const auto checkpoint = open(name);
    const ModelConfig config = checkpoint->config();
    const auto source = ShardedSafetensors::open(test::source_path(
        "tests/golden/families/" + about["source"].get<std::string>()));
    for (const WeightRow& row : make_weight_table(config)) {
      const std::vector<float> got = values_of(checkpoint->tensor(row.hf_name));
      if (!source.contains(row.hf_name) || about["type"] != "F32") continue;
      std::vector<float> wanted = source.tensor(row.hf_name).to_floats();
      if (is_shifted(config, row.hf_name)) {
        for (float& value : wanted) value = (value + 1.0F) - 1.0F;
      }
      EXPECT_EQ(got, wanted) << row.hf_name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 150U);
}

// The experts of the source are packed: (experts, gate and up rows, in).
TEST(GgufFamily, ExpertsAreSlicesOfTheMergedTensors) {
  const auto checkpoint = open("mixtral");
  const auto source = ShardedSafetensors::open(
      test::source_path("tests/golden/families/mixtral_packed"));
  const std::vector<float> packed =
      source.tensor("model.layers.1.mlp.experts.gate_up_proj").to_floats();
  const ExpertConfig experts = checkpoint->config().experts;
  EXPECT_EQ(experts.count, 3);
  const auto matrix = static_cast<std::size_t>(experts.size * 32);
  for (std::size_t i = 0; i < 3; ++i) {
    for (const std::size_t half : {0, 1}) {
      const auto got = values_of(checkpoint->tensor(
          "model.layers.1.block_sparse_moe.experts." + std::to_string(i) +
          (half == 0 ? ".w1.weight" : ".w3.weight")));
      const float* begin = packed.data() + (2 * i + half) * matrix;
      EXPECT_EQ(got, std::vector<float>(begin, begin + matrix));
    }
  }
}

TEST(GgufFamily, ConfigurationsOfGemma) {
  const ModelConfig two = open("gemma2")->config();
  EXPECT_EQ(two.model_type, "gemma2");
  EXPECT_EQ(two.attention_soft_cap, 50);
  EXPECT_EQ(two.logit_soft_cap, 30);
  EXPECT_EQ(two.query_scalar, 8);
  EXPECT_EQ(two.sliding_window, 6);
  EXPECT_TRUE(two.layer(0).sliding);
  EXPECT_FALSE(two.layer(1).sliding);
  EXPECT_TRUE(two.tied_embeddings);
  EXPECT_TRUE(two.attention_bias);
  EXPECT_NEAR(two.embedding_scale, std::sqrt(32.0), 1e-12);
  EXPECT_EQ(two.activation, Activation::kGeluTanh);
  const ModelConfig three = open("gemma3")->config();
  EXPECT_EQ(three.model_type, "gemma3_text");
  EXPECT_EQ(three.logit_soft_cap, 7);
  EXPECT_EQ(three.attention_soft_cap, 0);
  EXPECT_EQ(three.rope.theta, 1e6);
  EXPECT_EQ(three.sliding_rope.value().theta, 1e4);
}

TEST(GgufFamily, ConfigurationsOfOthers) {
  EXPECT_EQ(open("mistral")->config().model_type, "llama");  // no window
  const ModelConfig mixtral = open("mixtral_old")->config();
  EXPECT_EQ(mixtral.model_type, "mixtral");
  EXPECT_EQ(mixtral.experts.per_token, 3);
  EXPECT_TRUE(mixtral.experts.normalised);
  const ModelConfig moe = open("qwen3_moe")->config();
  EXPECT_EQ(moe.model_type, "qwen3_moe");
  EXPECT_EQ(moe.experts.size, 12);
  EXPECT_EQ(moe.intermediate_size, 40);
  EXPECT_TRUE(moe.layer(1).experts);
  const ModelConfig phi = open("phi3_longrope")->config();
  EXPECT_EQ(phi.rope.kind, RopeKind::kLongRope);
  EXPECT_EQ(phi.rope.rotated_share, 0.75);
  EXPECT_THAT(phi.rope.short_factors, ElementsAre(1.0, 1.1, 1.3));
  EXPECT_THAT(phi.rope.long_factors, ElementsAre(1.5, 2.5, 4.0));
  EXPECT_EQ(phi.rope.original_max_positions, 16);
  EXPECT_FALSE(phi.rope.attention_factor);  // transformers derives the same
  EXPECT_EQ(open("phi3")->config().sliding_window, 6);
  EXPECT_EQ(open("qwen3")->config().rope.kind, RopeKind::kYarn);
  EXPECT_TRUE(open("qwen2")->config().qkv_bias);
  const ModelConfig smollm = open("smollm3")->config();
  EXPECT_TRUE(smollm.layer(2).rope);
  EXPECT_FALSE(smollm.layer(3).rope);
  EXPECT_EQ(open("olmo2")->config().norms.qk, QkNorm::kAll);
}

// A file of one layer with sizes of 4 and 6 words.
std::string small_file(const std::string& arch,
                       const std::vector<std::string>& matrices,
                       const std::function<void(GgufBytes&)>& change) {
  GgufBytes out;
  out.key_text("general.architecture", arch);
  const auto key = [&](const std::string& name, std::uint32_t value) {
    out.key_u32(arch + "." + name, value);
  };
  key("embedding_length", 4);
  key("feed_forward_length", 4);
  key("block_count", 1);
  key("context_length", 16);
  key("attention.head_count", 2);
  out.key_f32(arch + ".attention.layer_norm_rms_epsilon", 1e-5F);
  out.tensor_data("token_embd.weight", {4, 6}, 0, std::string(96, '\0'));
  for (const std::string& name : matrices) {
    out.tensor_data("blk.0." + name + ".weight", {4, 4}, 0,
                    std::string(64, '\0'));
  }
  change(out);
  return out.str();
}

std::string error_of(const std::string& bytes) {
  const test::TemporaryDirectory directory;
  try {
    open_checkpoint(directory.write("bad.gguf", bytes));
  } catch (const FileError& error) {
    return error.what();
  }
  return "opened";
}

TEST(GgufFamily, MissingTensorsAndKeysAreNamed) {
  EXPECT_THAT(error_of(small_file("phi3", {"attn_q"}, [](GgufBytes&) {})),
              testing::AllOf(HasSubstr("blk.0.attn_qkv.weight"),
                             HasSubstr("unknown: blk.0.attn_q.weight")));
  const auto moe = [](const std::function<void(GgufBytes&)>& change) {
    return error_of(small_file("qwen3moe", {}, [&](GgufBytes& file) {
      file.key_u32("qwen3moe.expert_count", 2)
          .key_u32("qwen3moe.expert_used_count", 1);
      change(file);
    }));
  };
  EXPECT_THAT(moe([](GgufBytes&) {}),
              HasSubstr("'qwen3moe.expert_feed_forward_length': got nothing"));
  EXPECT_THAT(moe([](GgufBytes& file) {
                file.key_u32("qwen3moe.expert_feed_forward_length", 4)
                    .tensor_data("blk.0.ffn_gate_inp.weight", {4, 3}, 0,
                                 std::string(48, '\0'));
              }),
              HasSubstr("'blk.0.ffn_gate_inp.weight': got [3, 4], expected "
                        "[2, 4] as qwen3moe.expert_count"));
  EXPECT_THAT(moe([](GgufBytes& file) {
                file.key_u32("qwen3moe.expert_feed_forward_length", 4)
                    .tensor_data("blk.0.ffn_gate_inp.weight", {4, 2}, 0,
                                 std::string(32, '\0'))
                    .tensor_data("blk.0.ffn_up_exps.weight", {4, 4, 1}, 0,
                                 std::string(64, '\0'));
              }),
              testing::AllOf(HasSubstr("missing: blk.0.attn_k.weight"),
                             HasSubstr("blk.0.ffn_up_exps.weight is [1, 4, 4] "
                                       "instead of [2, 4, 4]")));
}

TEST(GgufFamily, WindowsThatAFamilyCannotHaveAreRefused) {
  const auto with = [](const std::string& arch, const auto& change) {
    return error_of(small_file(arch, {}, [&](GgufBytes& file) {
      change(file, arch + ".attention.");
    }));
  };
  const auto window = [](std::uint32_t size) {
    return [size](GgufBytes& file, const std::string& prefix) {
      file.key_u32(prefix + "sliding_window", size);
    };
  };
  EXPECT_THAT(with("olmo2", window(8)),
              HasSubstr("'olmo2.attention.sliding_window': got uint32 8"));
  EXPECT_THAT(with("qwen2", window(8)),
              HasSubstr("at least the context length"));
  EXPECT_THAT(with("qwen2", window(16)), HasSubstr("; missing: "));
  EXPECT_THAT(with("gemma3",
                   [](GgufBytes& file, const std::string& prefix) {
                     file.key_u32(prefix + "sliding_window", 8)
                         .key_i32s(prefix + "sliding_window_pattern", {1, 0});
                   }),
              HasSubstr("an array of 2 int32, expected 1 flags, one a layer"));
}

// A model opens and decodes, or is refused, whatever one byte of its header
// says: experts in one tensor, norms and divisors included.
TEST(GgufFamily, EveryChangedByteLoadsOrIsAnError) {
  for (const char* name : {"mixtral_old", "qwen3_moe", "phi3_longrope"}) {
    std::string bytes =
        test::read_text(test::source_path(kFolder + name + ".gguf"));
    const std::size_t header = bytes.find("blk.0.attn_norm");
    const test::TemporaryDirectory directory;
    std::size_t loaded = 0;
    for (std::size_t at = 4; at < header; at += 7) {
      const char was = bytes[at];
      bytes[at] = static_cast<char>(was ^ 0x11);
      try {
        const auto model = open_checkpoint(directory.write("m.gguf", bytes));
        for (const WeightRow& row : make_weight_table(model->config())) {
          values_of(model->tensor(row.hf_name));
        }
        ++loaded;
      } catch (const FileError&) {
      }
      bytes[at] = was;
    }
    EXPECT_GT(loaded, 0U) << name;
  }
}

}  // namespace
}  // namespace graft
