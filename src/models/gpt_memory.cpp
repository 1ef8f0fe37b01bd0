// Follows DecoderLayer::forward and counts what each operation saves: norms
// their sum, adapted layers the product with A and their input where backward
// does not make it again, attention its heads and result, the activation its
// input, experts one copy of a token for each that it chose. Layers below the
// first trained part save nothing.
#include "graft/models/gpt_memory.h"

#include <algorithm>

#include "graft/nn/head_loss.h"
#include "models/expert_rows_internal.h"
#include "models/gpt_layer_internal.h"

namespace graft {
namespace {

// Elements a token that one layer keeps; `tracked` says whether its input
// needs a gradient, and then whether its output does.
class LayerCount {
 public:
  LayerCount(const GptConfig& config, bool full, bool tracked)
      : full_(full), tracked_(tracked) {
    hidden_ = config.hidden_size;
    inner_ = config.intermediate_size;
    query_ = config.heads * config.head_dim;
    qkv_ = query_ + 2 * config.kv_heads * config.head_dim;
    qk_norms_ = config.norms.of_heads || config.norms.of_queries;
    norms_behind_ = config.norms.behind;
    experts_ = config.experts;
  }

  void count(const std::string& layer, bool experts,
             const std::function<std::int64_t(const std::string&)>& rank) {
    keep_tracked(hidden_);  // the norm's sum
    linear(rank(layer + ".self_attention.linear_qkv"), made(hidden_));
    if (qk_norms_) keep_tracked((qkv_ + query_) / 2);  // queries and keys
    keep_tracked(qkv_ + query_);                       // q, k, v and the result
    linear(rank(layer + ".self_attention.linear_proj"), tracked_ ? 0 : query_);
    if (norms_behind_) keep_tracked(hidden_);
    keep_tracked(hidden_);
    if (experts) {
      count_experts(layer + ".mlp", rank);
    } else {
      linear(rank(layer + ".mlp.linear_fc1"), made(hidden_));
      keep_tracked(2 * inner_);
      linear(rank(layer + ".mlp.linear_fc2"), made(inner_));
    }
    if (norms_behind_) keep_tracked(hidden_);
  }

  std::int64_t elements() const { return elements_; }
  bool tracked() const { return tracked_; }
  // Most that backward holds beside what is kept: the gradients around the
  // activation, or around the attention.
  std::int64_t backward_elements() const {
    return std::max({3 * inner_ + 2 * hidden_, 2 * qkv_ + 2 * query_ + hidden_,
                     experts_.per_token * (3 * experts_.size + 2 * hidden_)});
  }
  std::int64_t widest_input() const { return std::max(inner_, hidden_); }

 private:
  void count_experts(
      const std::string& mlp,
      const std::function<std::int64_t(const std::string&)>& rank) {
    const std::int64_t copies = experts_.per_token;
    linear(rank(mlp + ".router"), hidden_);
    linear(copies * rank(mlp + ".experts.linear_fc1"), copies * hidden_);
    keep_tracked(2 * copies * experts_.size);
    linear(copies * rank(mlp + ".experts.linear_fc2"), copies * experts_.size);
    keep_tracked(copies * hidden_);  // results, for the router's gradient
  }
  void keep_tracked(std::int64_t elements) {
    if (tracked_) elements_ += elements;
  }
  // An adapted layer's input that is made of what a tracked operation keeps.
  std::int64_t made(std::int64_t input) const {
    return tracked_ && !full_ ? 0 : input;
  }
  // The input, and its product with the adapters' A.
  void linear(std::int64_t rank, std::int64_t input) {
    if (rank == 0 && !full_) return;
    elements_ += input + rank;
    tracked_ = true;
  }

  bool full_;
  bool tracked_;
  std::int64_t hidden_ = 0;
  std::int64_t inner_ = 0;
  std::int64_t query_ = 0;
  std::int64_t qkv_ = 0;
  bool qk_norms_ = false;
  bool norms_behind_ = false;
  GptExperts experts_;
  std::int64_t elements_ = 0;
};

std::int64_t head_bytes(const GptConfig& config, const GptStep& step) {
  const std::int64_t rows =
      std::min(std::max<std::int64_t>(step.labels, 1),
               nn::head_loss_rows(config.vocab_size, step.element_bytes));
  const std::int64_t logits = rows * config.vocab_size * step.element_bytes;
  // The last sum and norm; the learnt rows, their gradient, and it scaled.
  const std::int64_t hidden = config.hidden_size * step.element_bytes;
  const std::int64_t around = 2 * step.tokens + 3 * step.labels;
  const std::int64_t own =
      step.full ? config.vocab_size * config.hidden_size * 4 : 0;
  return logits + hidden * around + own;
}

std::int64_t attention_parameters(const GptConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t query = config.heads * config.head_dim;
  const std::int64_t qkv = query + 2 * config.kv_heads * config.head_dim;
  std::int64_t sum = qkv * hidden + hidden * query;
  if (config.attention_bias) sum += hidden;
  if (config.attention_bias || config.qkv_bias) sum += qkv;
  return sum;
}

std::int64_t norm_parameters(const GptConfig& config) {
  const std::int64_t places =
      (config.norms.before ? 2 : 0) + (config.norms.behind ? 2 : 0);
  std::int64_t sum = places * config.hidden_size;
  if (config.norms.of_heads) sum += 2 * config.head_dim;
  if (config.norms.of_queries) {
    sum += (config.heads + config.kv_heads) * config.head_dim;
  }
  return sum;
}

std::int64_t mlp_parameters(const GptConfig& config, bool experts) {
  const std::int64_t hidden = config.hidden_size;
  if (experts) {
    return config.experts.count * hidden * (1 + 3 * config.experts.size);
  }
  const std::int64_t inner = config.intermediate_size;
  return 3 * hidden * inner + (config.mlp_bias ? 2 * inner + hidden : 0);
}

}  // namespace

GptStepMemory gpt_step_memory(
    const nn::CausalLm& model, const GptStep& step,
    const std::function<std::int64_t(const std::string& path)>& adapter_rank) {
  const GptConfig& config = gpt_config(model);
  const std::int64_t token_bytes = step.tokens * step.element_bytes;
  GptStepMemory out;
  bool tracked = step.full;
  std::int64_t largest = 0;
  std::int64_t backward = 0;
  for (std::int64_t n = 0; n < config.layers; ++n) {
    LayerCount layer(config, step.full, tracked);
    layer.count("decoder.layers." + std::to_string(n), config.layer(n).experts,
                adapter_rank);
    tracked = layer.tracked();
    if (!tracked) continue;
    largest = std::max(largest, layer.elements());
    backward = layer.backward_elements() +
               (step.dropout ? 2 * layer.widest_input() : 0);
    out.kept += step.recompute ? config.hidden_size : layer.elements();
  }
  out.kept *= token_bytes;
  out.block = token_bytes * (backward + (step.recompute ? largest : 0));
  out.head = head_bytes(config, step);
  return out;
}

std::int64_t gpt_streamed_bytes(const nn::CausalLm& model) {
  std::int64_t sum = 0;
  std::int64_t largest = 0;
  for (const auto& module : model.modules()) {
    const auto* layer = dynamic_cast<const DecoderLayer*>(module.get());
    if (layer == nullptr) continue;
    const std::int64_t bytes = layer->mapped_bytes();
    sum += bytes;
    largest = std::max(largest, bytes);
  }
  return sum - largest;
}

std::int64_t gpt_packed_bytes(const nn::CausalLm& model) {
  std::int64_t sum = 0;
  for (const auto& module : model.modules()) {
    const auto* slot = dynamic_cast<const nn::LinearSlot*>(module.get());
    if (slot != nullptr && slot->is_frozen()) {
      sum += slot->frozen()->packed_bytes();
    }
  }
  return sum;
}

std::int64_t gpt_expert_lengths(const nn::CausalLm& model,
                                std::int64_t tokens) {
  const GptConfig& config = gpt_config(model);
  return config.experts.count == 0 ? 0 : padded_lengths(tokens);
}

std::int64_t gpt_parameters(const GptConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t tables = config.tied_embeddings ? 1 : 2;
  std::int64_t sum = hidden + tables * config.vocab_size * hidden;
  for (std::int64_t n = 0; n < config.layers; ++n) {
    sum += attention_parameters(config) + norm_parameters(config) +
           mlp_parameters(config, config.layer(n).experts);
  }
  return sum;
}

}  // namespace graft
