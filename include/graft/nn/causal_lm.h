// What training, evaluation and generation need from a language model. Entry
// point: CausalLm. Implemented in models.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace graft::nn {

// Keys and values of the tokens seen so far; opaque to the caller.
class KvCache {
 public:
  virtual ~KvCache() = default;
  // Tokens stored so far, per row.
  virtual std::int64_t length() const = 0;
};

struct LmInput {
  at::Tensor input_ids;       // (B, T) int64
  at::Tensor attention_mask;  // (B, S) int64 or bool, 1 = real token; S = cache
                              // length + T; undefined: all real
  at::Tensor position_ids;    // (B, T) int64; undefined: 0..T-1, or from the
                              // cache's length on
  KvCache* cache = nullptr;   // read and extended when given
  // Lengths of the sequences that lie end to end in the one row of input_ids
  // (B = 1, no mask, no cache): none sees another, and positions start anew in
  // each. Empty: every row is one sequence.
  std::vector<std::int64_t> segments;
};

class CausalLm : public torch::nn::Module {
 public:
  // Hidden states after the final norm: (B, T, hidden), compute type.
  virtual at::Tensor hidden(const LmInput& input) = 0;
  // (..., hidden) -> (..., vocab), fp32.
  virtual at::Tensor logits(const at::Tensor& hidden) = 0;
  // Sum over positions t with labels[t+1] != -100 of the cross-entropy of the
  // logits at t against labels[t+1], in fp32; a scalar with gradient.
  // labels: (B, T) int64.
  virtual at::Tensor loss_sum(const at::Tensor& hidden,
                              const at::Tensor& labels) = 0;
  virtual std::unique_ptr<KvCache> make_cache(std::int64_t batch,
                                              std::int64_t capacity) = 0;
  virtual std::int64_t vocab_size() const = 0;
  virtual std::int64_t max_positions() const = 0;
  virtual at::Device device() const = 0;
  // Every base weight becomes an own fp32 parameter that requires a gradient
  // (method: full). A tied head stays one parameter with the embedding.
  virtual void make_trainable() = 0;
  // Whether hidden() obeys LmInput::segments. A model that does not must not be
  // given any.
  virtual bool takes_segments() const { return false; }
  // On: blocks of layers keep their inputs alone for backward and are computed
  // again there, with the same gradients. Throws ConfigError when the model
  // cannot.
  virtual void set_checkpoint_activations(bool on);
  // On: hidden() with gradients also forms the load-balancing loss of the
  // model's routers. Throws ConfigError when the model has none.
  virtual void set_router_loss(bool on);
  // That loss of the last hidden(), a detached scalar; `factor` times its
  // gradient joins that of the next backward. Throws ConfigError without one.
  virtual at::Tensor router_loss(double factor);

  at::Tensor forward_logits(const LmInput& input) {
    return logits(hidden(input));
  }
};

}  // namespace graft::nn
