// The GPT that checkpoints fill: Megatron's module tree, one class for all
// families, told apart by the switches of its configuration. Entry points:
// GptConfig, make_gpt. Families: docs/design/16-families.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/nn/causal_lm.h"
#include "graft/nn/frozen_weight.h"
#include "graft/nn/gated_activation.h"
#include "graft/nn/linear_slot.h"

namespace graft {

// Inverse frequencies and the factor on cos and sin, already derived from the
// rope type by the loader. dynamic: recomputed for longer sequences.
struct RotarySpec {
  // head_dim / 2, or fewer when only the first dimensions of a head are turned
  std::vector<float> inverse_frequencies;
  double attention_factor = 1.0;
  // Set for rope types "dynamic" and "longrope": frequencies for a sequence of
  // this length.
  std::function<std::vector<float>(std::int64_t length)> for_length;
};

// What tells one decoder layer from another.
struct GptLayer {
  bool sliding = false;  // sees at most GptConfig::sliding_window keys
  bool rope = true;
  bool experts = false;  // a router and experts in place of one MLP
};

// Where norms stand and what their weights mean.
struct GptNorms {
  double offset = 0;    // added to every norm's weight
  bool before = true;   // of attention and of the MLP
  bool behind = false;  // before the residual sum
  // Of queries and keys: each head, or all heads together.
  bool of_heads = false;
  bool of_queries = false;
};

struct GptExperts {
  std::int64_t count = 0;
  std::int64_t per_token = 0;
  std::int64_t size = 0;    // intermediate size of one
  bool normalised = false;  // chosen probabilities are divided by their sum
  bool rounded_weights = false;  // to the compute type, before the product
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
  bool attention_bias = false;  // of q, k, v and the projection
  bool qkv_bias = false;        // of q, k and v alone
  bool mlp_bias = false;
  bool tied_embeddings = false;
  GptNorms norms;
  nn::Gate gate = nn::Gate::kSilu;
  double attention_scale = 0;     // of q k^T; 0: 1 / sqrt(head_dim)
  double attention_soft_cap = 0;  // cap * tanh(score / cap); 0: none
  double logit_soft_cap = 0;
  double embedding_scale = 1;
  std::int64_t sliding_window = 0;    // keys, the query's own included
  std::vector<GptLayer> layer_kinds;  // empty: all layers are alike
  GptExperts experts;
  // q, k, v (gate, up) are parts that adapters may name one by one.
  bool named_parts = true;
  // Token whose embedding row gets no gradient from look-ups when the
  // embedding is trained; -1: none.
  std::int64_t padding_id = -1;
  RotarySpec rotary;
  std::optional<RotarySpec> sliding_rotary;  // of sliding layers, if another

  GptLayer layer(std::int64_t n) const {
    return layer_kinds.empty() ? GptLayer{}
                               : layer_kinds[static_cast<std::size_t>(n)];
  }
};

// The tensors of the model by runtime name: row blocks in order. 1-D tensors
// (norms, biases) are one or more blocks of shape (rows) or (rows, 1).
using WeightSource =
    std::function<std::vector<nn::WeightBlock>(const std::string& name)>;

struct GptOptions {
  nn::ComputeMode compute = nn::ComputeMode::kFp32;
  nn::WeightLayout layout = nn::WeightLayout::kBlocks;
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
