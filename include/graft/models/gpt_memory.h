// What one micro batch of training takes beyond the weights, counted tensor by
// tensor. Entry points: gpt_step_memory, gpt_parameters. Design:
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

// Bytes. `model` is of make_gpt; is_trained(path) says whether the linear layer
// at that path is adapted.
GptStepMemory gpt_step_memory(
    const nn::CausalLm& model, const GptStep& step,
    const std::function<bool(const std::string& path)>& is_trained);

// Elements of all weights, shared ones once.
std::int64_t gpt_parameters(const GptConfig& config);

}  // namespace graft
