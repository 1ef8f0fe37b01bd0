// What one micro batch of training takes beyond the weights, counted tensor by
// tensor. Entry points: gpt_step_memory, gpt_streamed_bytes,
// gpt_packed_bytes, gpt_expert_lengths, gpt_parameters. Design:
// docs/design/09-memory.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "graft/models/gpt.h"
#include "graft/nn/causal_lm.h"

namespace graft {

struct GptStep {
  std::int64_t tokens = 0;         // of the micro batch, padding included
  std::int64_t labels = 0;         // of them learnt
  std::int64_t element_bytes = 4;  // of the compute type
  bool recompute = false;          // compute.checkpoint_activations
  bool full = false;               // every weight is trained
  bool dropout = false;
};

struct GptStepMemory {
  std::int64_t kept = 0;   // from forward to backward, all layers
  std::int64_t block = 0;  // more while one layer is differentiated
  std::int64_t head = 0;   // more while the loss is formed

  std::int64_t peak() const { return kept + (block > head ? block : head); }
};

// Bytes. `model` is of make_gpt; adapter_rank(path) is the sum of the ranks of
// the adapters in the linear layer at that path, 0 without one.
GptStepMemory gpt_step_memory(
    const nn::CausalLm& model, const GptStep& step,
    const std::function<std::int64_t(const std::string& path)>& adapter_rank);

// Of the mapped weights, the bytes that are out of memory at any time when
// blocks are recomputed: those of all layers but the largest.
std::int64_t gpt_streamed_bytes(const nn::CausalLm& model);

// Bytes of the weights that were copied for faster products (WeightLayout);
// nobody reads their rows of the files again.
std::int64_t gpt_packed_bytes(const nn::CausalLm& model);

// How many numbers of rows the experts' products are computed on with up to
// `tokens` tokens at once, in half types on the CPU; 0 without experts.
std::int64_t gpt_expert_lengths(const nn::CausalLm& model, std::int64_t tokens);

// Elements of all weights, shared ones once.
std::int64_t gpt_parameters(const GptConfig& config);

}  // namespace graft
