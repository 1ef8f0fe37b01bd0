// Made from the family's weight table, so that it is what graft expects.
#include "fuzz/small_model.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "graft/formats/hf/weight_table.h"
#include "graft/io/safetensors_writer.h"

namespace graft::fuzz {
namespace {

// Zeros under a header.
std::string zero_file(const std::vector<TensorLayout>& layout) {
  std::size_t bytes = 0;
  for (const TensorLayout& tensor : layout) {
    std::size_t count = dtype_size(tensor.dtype);
    for (const std::int64_t size : tensor.shape) {
      count *= static_cast<std::size_t>(size);
    }
    bytes += count;
  }
  return make_safetensors_header(layout, {}) + std::string(bytes, '\0');
}

}  // namespace

ModelConfig small_config() {
  ModelConfig out;
  out.model_type = "llama";
  out.vocab_size = 16;
  out.hidden_size = 8;
  out.intermediate_size = 12;
  out.layers = 1;
  out.heads = 2;
  out.kv_heads = 1;
  out.head_dim = 4;
  out.max_positions = 64;
  out.tied_embeddings = true;
  return out;
}

std::string small_model_bytes() {
  std::vector<TensorLayout> layout;
  for (const WeightRow& row : make_weight_table(small_config())) {
    layout.push_back({row.hf_name, DType::kBF16, row.shape});
  }
  return zero_file(layout);
}

std::string small_adapter_bytes() {
  const std::string layer = "base_model.model.model.layers.0.";
  return zero_file(
      {{layer + "mlp.down_proj.lora_A.weight", DType::kF32, {2, 12}},
       {layer + "mlp.down_proj.lora_B.weight", DType::kF32, {8, 2}},
       {layer + "self_attn.q_proj.lora_A.weight", DType::kF32, {2, 8}},
       {layer + "self_attn.q_proj.lora_B.weight", DType::kF32, {8, 2}}});
}

}  // namespace graft::fuzz
