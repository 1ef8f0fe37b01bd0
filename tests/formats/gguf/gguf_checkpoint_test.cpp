// GGUF files as checkpoints: configuration, names, row order, and files whose
// metadata or tensors graft must refuse. The models are those of
// tests/golden/gguf/make_model_golden.py; their logits are compared in
// tests/checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "formats/gguf/gguf_names_internal.h"
#include "graft/base/error.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/weight_table.h"
#include "support/gguf_bytes.h"
#include "support/shared_data.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::GgufBytes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<const Checkpoint> golden(const std::string& name) {
  return open_checkpoint(
      test::source_path("tests/golden/gguf/models/" + name + ".gguf"));
}

TEST(GgufCheckpoint, ReadsTheConfiguration) {
  const auto f32 = golden("f32")->config();
  EXPECT_EQ(f32.model_type, "llama");
  EXPECT_EQ(f32.vocab_size, 288);
  EXPECT_EQ(f32.hidden_size, 32);
  EXPECT_EQ(f32.intermediate_size, 64);
  EXPECT_EQ(f32.layers, 2);
  EXPECT_EQ(f32.heads, 2);
  EXPECT_EQ(f32.kv_heads, 1);
  EXPECT_EQ(f32.head_dim, 16);
  EXPECT_EQ(f32.max_positions, 128);
  EXPECT_EQ(f32.norm_eps, 1e-5);
  EXPECT_FALSE(f32.tied_embeddings);
  EXPECT_FALSE(f32.attention_bias);
  EXPECT_EQ(f32.rope.kind, RopeKind::kLlama3);
  EXPECT_EQ(f32.rope.theta, 500000.0);
  EXPECT_EQ(f32.rope.factor, 8.0);
  EXPECT_EQ(f32.rope.original_max_positions, 8192);
  EXPECT_TRUE(golden("f16")->config().attention_bias);
  EXPECT_TRUE(golden("q5_0")->config().mlp_bias);
  EXPECT_TRUE(golden("q4_1")->config().tied_embeddings);
  const RopeConfig linear = golden("bf16")->config().rope;
  EXPECT_EQ(linear.kind, RopeKind::kLinear);
  EXPECT_EQ(linear.factor, 2.0);
}

TEST(GgufCheckpoint, ReadsTheTokensThatEndATextAndOthers) {
  const GenerationConfig found = golden("q4_0")->generation();
  EXPECT_EQ(found.bos_token_id, 1);
  EXPECT_EQ(found.pad_token_id, 2);
  EXPECT_THAT(found.eos_token_ids, ElementsAre(2));
}

// What `graft plan` sees is what the directory of the same model gives.
TEST(GgufCheckpoint, InventoryIsThatOfTheFamily) {
  const auto checkpoint = golden("q4_1");
  const Inventory found = checkpoint->inventory();
  const Inventory family = make_family_inventory(checkpoint->config());
  ASSERT_EQ(found.modules.size(), family.modules.size());
  for (std::size_t i = 0; i < found.modules.size(); ++i) {
    EXPECT_EQ(found.modules[i].path, family.modules[i].path);
    EXPECT_EQ(found.modules[i].out, family.modules[i].out);
    EXPECT_EQ(found.modules[i].parts.size(), family.modules[i].parts.size());
    // Norms are F32; everything else is quantised.
    const bool plain = found.modules[i].kind == LayerKind::kNorm;
    EXPECT_EQ(found.modules[i].dtype.has_value(), plain);
  }
  EXPECT_EQ(found.total_parameters, family.total_parameters);
}

TEST(GgufCheckpoint, HalvesOfAHeadAreStoredInterleaved) {
  EXPECT_THAT(stored_head_rows(8, 4), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  const auto checkpoint = golden("q4_0");
  const auto query =
      checkpoint->tensor("model.layers.1.self_attn.q_proj.weight");
  ASSERT_TRUE(query.row_order);
  EXPECT_EQ((*query.row_order)[8], 1);
  EXPECT_FALSE(
      checkpoint->tensor("model.layers.1.self_attn.v_proj.weight").row_order);
}

// A file that has all a Llama needs; `change` breaks it.
std::string small_model(const std::function<void(GgufBytes&)>& change) {
  GgufBytes out;
  change(out);
  out.key_u32("llama.embedding_length", 4)
      .key_u32("llama.feed_forward_length", 4)
      .key_u32("llama.block_count", 1)
      .key_u32("llama.context_length", 16)
      .key_u32("llama.attention.head_count", 2)
      .key_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  const auto add = [&out](const std::string& name,
                          const std::vector<std::uint64_t>& dimensions) {
    std::uint64_t count = 1;
    for (const std::uint64_t size : dimensions) count *= size;
    out.tensor_data(name, dimensions, 0, std::string(4 * count, '\0'));
  };
  add("token_embd.weight", {4, 6});
  add("output_norm.weight", {4});
  for (const char* name : {"attn_norm", "ffn_norm"}) {
    add("blk.0." + std::string(name) + ".weight", {4});
  }
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output",
                           "ffn_gate", "ffn_up", "ffn_down"}) {
    add("blk.0." + std::string(name) + ".weight", {4, 4});
  }
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

struct BadRow {
  std::function<void(GgufBytes&)> change;
  const char* cause;
};

GgufBytes& llama(GgufBytes& file) {
  return file.key_text("general.architecture", "llama");
}

void expect_causes(const std::vector<BadRow>& rows) {
  for (const BadRow& row : rows) {
    EXPECT_THAT(error_of(small_model(row.change)),
                AllOf(HasSubstr("bad.gguf"), HasSubstr(row.cause)));
  }
}

TEST(GgufCheckpoint, RefusesMetadataThatItCannotHonour) {
  EXPECT_EQ(error_of(small_model([&](GgufBytes& f) { llama(f); })), "opened");
  expect_causes({
      {[](GgufBytes&) {}, "'general.architecture': got nothing"},
      {[](GgufBytes& f) { f.key_text("general.architecture", "qwen2moe"); },
       "qwen2moe\", expected an architecture that graft knows: llama, qwen2, "
       "qwen3, gemma2, gemma3, phi3, smollm3, qwen3moe, olmo2"},
      {[](GgufBytes& f) { llama(f).key_text("general.type", "adapter"); },
       "a file with a whole model"},
      {[](GgufBytes& f) { llama(f).key_u32("split.count", 3); },
       "llama-gguf-split --merge"},
      {[](GgufBytes& f) { llama(f).key_bool("llama.attention.causal", false); },
       "graft runs causal models"},
      {[](GgufBytes& f) { llama(f).key_f32("llama.attention.scale", 0.5F); },
       "'llama.attention.scale': got float32 0.5"},
      {[](GgufBytes& f) {
         llama(f).key_f32("llama.final_logit_softcapping", 30);
       },
       "'llama.final_logit_softcapping': got float32 30"},
  });
}

TEST(GgufCheckpoint, RefusesSizesThatDoNotFit) {
  const auto with = [](const char* key, std::uint32_t value) {
    return [key, value](GgufBytes& f) {
      llama(f).key_u32("llama.attention." + std::string(key), value);
    };
  };
  expect_causes({
      {with("head_count_kv", 3), "a divisor of 2"},
      {[](GgufBytes& f) {
         llama(f).key_i32s("llama.attention.head_count_kv", {1, 1});
       },
       "got an array of 2 int32, expected an integer"},
      {with("key_length", 3), "heads of an even size"},
      {with("value_length", 4),
       "'llama.attention.value_length': got uint32 4, expected 2"},
  });
}

TEST(GgufCheckpoint, RefusesExpertsThatAreNotThere) {
  const auto with = [](std::uint32_t count, std::uint32_t used) {
    return [count, used](GgufBytes& f) {
      llama(f)
          .key_u32("llama.expert_count", count)
          .key_u32("llama.expert_used_count", used);
    };
  };
  expect_causes({
      {[](GgufBytes& f) { llama(f).key_u32("llama.expert_count", 8); },
       "'llama.expert_used_count': got nothing"},
      {with(8, 9), "'llama.expert_used_count': got uint32 9, expected at most"},
      {with(1U << 30, 2),
       "tensor 'blk.0.ffn_gate_inp.weight': got nothing, expected "
       "[1073741824, 4]"},
  });
}

TEST(GgufCheckpoint, RefusesRopeThatItCannotHonour) {
  const auto scaling = [](const char* type) {
    return [type](GgufBytes& f) {
      llama(f).key_text("llama.rope.scaling.type", type);
    };
  };
  expect_causes({
      {[](GgufBytes& f) { llama(f).key_u32("llama.rope.dimension_count", 1); },
       "partial rotation"},
      {scaling("longrope"),
       "'llama.rope.scaling.original_context_length': got nothing"},
      {[](GgufBytes& f) {
         llama(f)
             .key_text("llama.rope.scaling.type", "longrope")
             .key_u32("llama.rope.scaling.original_context_length", 8);
       },
       "tensor 'rope_factors_short.weight': got nothing, expected [1] of F32"},
      {scaling("ntk"), "expected none, linear, yarn or longrope"},
      {scaling("linear"), "'llama.rope.scaling.factor': got nothing"},
      {[](GgufBytes& f) { llama(f).key_f32("llama.rope.freq_base", -1); },
       "a number above 0"},
  });
}

TEST(GgufCheckpoint, RefusesTensorsOfAnotherModel) {
  const auto with = [](const char* name,
                       const std::vector<std::uint64_t>& dimensions,
                       std::uint32_t type, std::size_t bytes) {
    return small_model([&](GgufBytes& file) {
      file.key_text("general.architecture", "llama")
          .tensor_data(name, dimensions, type, std::string(bytes, '\0'));
    });
  };
  std::string layers = small_model(
      [](GgufBytes& f) { f.key_text("general.architecture", "llama"); });
  const std::string key = "llama.block_count";
  layers[layers.find(key) + key.size() + 4 + 1] = '\x10';  // 1 + 4096
  EXPECT_THAT(error_of(layers), HasSubstr("got uint32 4097, expected at most "
                                          "11, the number of tensors"));
  EXPECT_THAT(error_of(with("blk.0.attn_x.weight", {4, 4}, 0, 64)),
              HasSubstr("; unknown: blk.0.attn_x.weight"));
  EXPECT_THAT(error_of(with("output.weight", {4, 5}, 0, 80)),
              HasSubstr("output.weight is [5, 4] instead of [6, 4]"));
  EXPECT_THAT(error_of(with("blk.0.attn_q.bias", {4}, 0, 16)),
              HasSubstr("; missing: blk.0.attn_k.bias"));
  EXPECT_THAT(
      error_of(with("rope_freqs.weight", {2}, 0, 8)),
      HasSubstr("'rope_freqs.weight': got [2] of F32, expected [1] of F32"));
}

// A model opens and decodes, or is refused, whatever one byte of its header
// says.
TEST(GgufCheckpoint, EveryChangedByteLoadsOrIsAnError) {
  const std::string whole = small_model(
      [](GgufBytes& f) { f.key_text("general.architecture", "llama"); });
  std::size_t loaded = 0;
  for (std::size_t at = 0; at < whole.size() - 640; ++at) {
    for (const unsigned char value : {0x00, 0x02, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const test::TemporaryDirectory directory;
      try {
        const auto model = open_checkpoint(directory.write("m.gguf", changed));
        for (const WeightRow& row : make_weight_table(model->config())) {
          const StoredTensor tensor = model->tensor(row.hf_name);
          std::vector<float> values(
              static_cast<std::size_t>(tensor.rows() * tensor.columns()));
          tensor.decode({0, tensor.rows()}, values.data());
        }
        ++loaded;
      } catch (const FileError&) {
      }
    }
  }
  EXPECT_GT(loaded, 0U);
}

TEST(GgufCheckpoint, RefusesToDecodeWhatItCannot) {
  const test::TemporaryDirectory directory;
  const auto path = directory.write(
      "m.gguf", small_model([](GgufBytes& file) {
        file.key_text("general.architecture", "llama")
            .tensor_data("output.weight", {4, 6}, 24, std::string(24, '\0'));
      }));
  const auto checkpoint = open_checkpoint(path);
  EXPECT_EQ(checkpoint->inventory().modules.back().path, "output_layer");
  try {
    checkpoint->tensor("lm_head.weight");
    FAIL();
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("tensor 'output.weight': got I8, expected a type "
                          "that graft decodes: F32, F16, Q4_0"));
  }
}

TEST(GgufCheckpoint, DivisorsThatAreNoScalingAreRefused) {
  const auto with = [](const std::vector<float>& values) {
    std::string bytes(4 * values.size(), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return error_of(small_model([&](GgufBytes& file) {
      file.key_text("general.architecture", "llama")
          .key_u32("llama.attention.key_length", 4)
          .tensor_data("rope_freqs.weight", {2}, 0, bytes);
    }));
  };
  EXPECT_THAT(with({3, 1}), HasSubstr("divisors 3.000000 1.000000, expected "
                                      "those of Llama 3's scaling"));
  EXPECT_THAT(with({1, -2}),
              HasSubstr("got -2.000000, expected numbers above"));
}

}  // namespace
}  // namespace graft
