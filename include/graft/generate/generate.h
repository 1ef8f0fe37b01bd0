// Continues prompts with a language model. Entry points: generate,
// choose_token.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "graft/base/cancellation.h"
#include "graft/nn/causal_lm.h"

namespace graft {

struct SamplingOptions {
  double temperature = 0.0;  // 0: the most likely token
  double top_p = 1.0;        // smallest set of that much probability
  std::int64_t top_k = 0;    // 0: all
  std::uint64_t seed = 42;
};

struct GenerateOptions {
  std::int64_t max_new_tokens = 128;
  std::vector<std::int64_t> stop_tokens;
  SamplingOptions sampling;
  // Each token as it comes, stop tokens left out.
  std::function<void(std::size_t prompt, std::int64_t token)> on_token;
  // Asked after each token: true ends this prompt.
  std::function<bool(std::size_t prompt, std::int64_t token)> stop_after;
  CancellationToken cancellation;
};

struct Generation {
  std::vector<std::int64_t> tokens;  // new ones, without the stop token
  bool stopped = false;              // by a stop token or stop_after
};

// One batch, padded on the left, with a key-value cache. Throws ConfigError
// for an empty prompt, options out of range, or more tokens than the model has
// positions; FileError for an id beyond the embedding; Error for logits that
// are not finite.
std::vector<Generation> generate(
    nn::CausalLm& model, const std::vector<std::vector<std::int64_t>>& prompts,
    const GenerateOptions& options);

// The next token of one row of logits (vocab): a pure function of the draw
// number and the seed. `draw` counts tokens and rows.
std::int64_t choose_token(const at::Tensor& logits,
                          const SamplingOptions& options, std::uint64_t draw);

}  // namespace graft
