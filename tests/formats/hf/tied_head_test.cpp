// A head in the file of a model whose config.json ties it: equal to the
// embedding it is nothing of its own, else the inventory shows it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/half.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/safetensors_writer.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

using test::TemporaryDirectory;
using testing::HasSubstr;
using Shape = std::vector<std::int64_t>;

constexpr std::size_t kValues = 10 * 8;
constexpr char kLlama[] =
    R"({"model_type": "llama", "vocab_size": 10, "hidden_size": 8,
        "intermediate_size": 12, "num_hidden_layers": 1,
        "num_attention_heads": 2, "tie_word_embeddings": true})";
constexpr char kOther[] = R"({"model_type": "x", "tie_word_embeddings": true})";

// Distinct numbers that every computable type holds exactly.
std::vector<float> numbers() {
  std::vector<float> out(kValues);
  for (std::size_t i = 0; i < kValues; ++i) {
    out[i] = static_cast<float>(i % 64) - 20.0F;
  }
  return out;
}

HostTensor matrix(const std::vector<float>& values, DType dtype,
                  const Shape& shape = {10, 8}) {
  std::vector<std::byte> bytes(values.size() * dtype_size(dtype));
  from_f32(dtype, values.data(), values.size(), bytes.data());
  return HostTensor::make_owned(dtype, shape, std::move(bytes));
}

// A checkpoint of `config` with this embedding and this head.
void write_model(const TemporaryDirectory& directory, const char* config,
                 const HostTensor& embedding, const HostTensor& head) {
  const auto path = directory.write("config.json", config);
  std::vector<std::pair<std::string, HostTensor>> tensors = {
      {"model.embed_tokens.weight", embedding}, {"lm_head.weight", head}};
  if (config == kLlama) {
    for (const WeightRow& row : make_weight_table(read_model_config(path))) {
      if (row.runtime_name == "embedding.word_embeddings.weight") continue;
      std::int64_t count = 1;
      for (const std::int64_t side : row.shape) count *= side;
      const std::vector<float> ones(static_cast<std::size_t>(count), 1.0F);
      tensors.emplace_back(row.hf_name, matrix(ones, DType::kF32, row.shape));
    }
  } else {
    tensors.emplace_back("model.layers.0.q_proj.weight",
                         matrix(numbers(), DType::kF32));
  }
  save_safetensors(directory.path() / "model.safetensors", tensors);
}

void expect_tied(const TemporaryDirectory& directory, bool tied) {
  const Inventory inventory = read_inventory(directory.path());
  std::uint64_t sum = 0;
  std::size_t heads = 0;
  for (const ModuleInfo& module : inventory.modules) {
    sum += module.parameter_count;
    if (!module.output_head) continue;
    ++heads;
    EXPECT_EQ(module.parameter_count, tied ? 0 : kValues);
    EXPECT_TRUE(module.dtype.has_value());
  }
  EXPECT_EQ(heads, 1u);
  EXPECT_EQ(sum, inventory.total_parameters);
  ASSERT_EQ(inventory.warnings.size(), tied ? 0u : 1u);
  if (tied) return;
  for (const std::string& part :
       {directory.path().string(), std::string("tie_word_embeddings"),
        std::string("lm_head.weight"),
        std::string("model.embed_tokens.weight")}) {
    EXPECT_THAT(inventory.warnings.front(), HasSubstr(part));
  }
}

TEST(TiedHead, what_is_stored_decides) {
  std::vector<float> other = numbers();
  other.back() += 1.0F;
  std::vector<float> zero = numbers();
  std::vector<float> minus_zero = numbers();
  zero[3] = 0.0F;
  minus_zero[3] = -0.0F;
  std::vector<float> nan = numbers();
  nan[5] = std::numeric_limits<float>::quiet_NaN();
  constexpr DType kF32 = DType::kF32;
  constexpr DType kBF16 = DType::kBF16;
  struct Row {
    const char* name;
    HostTensor embedding, head;
    bool tied;
  };
  const std::vector<Row> rows = {
      {"equal", matrix(numbers(), kBF16), matrix(numbers(), kBF16), true},
      {"one value", matrix(numbers(), kF32), matrix(other, kF32), false},
      {"types", matrix(numbers(), kBF16), matrix(numbers(), kF32), true},
      {"types and value", matrix(numbers(), kBF16), matrix(other, kF32), false},
      {"signed zero", matrix(zero, kF32), matrix(minus_zero, kF32), true},
      {"a NaN", matrix(numbers(), kF32), matrix(nan, kF32), false},
  };
  for (const char* config : {kLlama, kOther}) {
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name);
      const TemporaryDirectory directory;
      write_model(directory, config, row.embedding, row.head);
      expect_tied(directory, row.tied);
      if (config == kOther) continue;
      const auto weights = ShardedSafetensors::open(directory.path());
      EXPECT_EQ(
          read_checkpoint_config(directory.path(), weights).tied_embeddings,
          row.tied);
    }
  }
}

TEST(TiedHead, a_head_of_another_shape_is_an_error) {
  const TemporaryDirectory directory;
  std::vector<float> values = numbers();
  values.resize(9 * 8);
  write_model(directory, kLlama, matrix(numbers(), DType::kF32),
              matrix(values, DType::kF32, {9, 8}));
  try {
    read_inventory(directory.path());
    FAIL() << "no error";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("lm_head.weight is [9, 8] instead of [10, 8]"));
  }
}

}  // namespace
}  // namespace graft
