// The GPT that checkpoints fill: Megatron's module tree, Llama kind. Entry
// points: GptConfig, Gpt. Tree: docs/design/01-house.md and weight tables.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/nn/causal_lm.h"
#include "graft/nn/frozen_weight.h"
#include "graft/nn/linear_slot.h"

namespace graft {

// Inverse frequencies and the factor on cos and sin, already derived from the
// rope type by the loader. dynamic: recomputed for longer sequences.
struct RotarySpec {
  std::vector<float> inverse_frequencies;  // head_dim / 2
  double attention_factor = 1.0;
  // Set for rope type "dynamic": frequencies for a sequence of this length.
  std::function<std::vector<float>(std::int64_t length)> for_length;
};

struct GptConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 0;
  double norm_eps = 1e-6;
  bool attention_bias = false;
  bool mlp_bias = false;
  bool tied_embeddings = false;
  // Token whose embedding row gets no gradient from look-ups when the
  // embedding is trained; -1: none.
  std::int64_t padding_id = -1;
  RotarySpec rotary;
};

// The tensors of the model by runtime name: row blocks in order. 1-D tensors
// (norms, biases) are one or more blocks of shape (rows) or (rows, 1).
using WeightSource =
    std::function<std::vector<nn::WeightBlock>(const std::string& name)>;

struct GptOptions {
  nn::ComputeMode compute = nn::ComputeMode::kFp32;
  nn::WeightLayout layout = nn::WeightLayout::kAuto;
  at::Device device = at::kCPU;
};

// A usable model, base frozen, in eval mode. With a cache, forward runs without
// gradient. Throws ConfigError when a tensor of the source has another shape.
std::shared_ptr<nn::CausalLm> make_gpt(const GptConfig& config,
                                       const WeightSource& weights,
                                       const GptOptions& options);

// The configuration of a model that make_gpt made. Throws ConfigError for
// another kind of model.
const GptConfig& gpt_config(const nn::CausalLm& model);

// What flows between the layers of a model that make_gpt made: the embedding,
// each layer's output, the last one after the final norm; (B, T, hidden) each.
std::vector<at::Tensor> gpt_hidden_states(nn::CausalLm& model,
                                          const nn::LmInput& input);

}  // namespace graft
