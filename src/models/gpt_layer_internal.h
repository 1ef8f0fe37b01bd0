// The modules of the GPT, in Megatron's tree. Entry point: DecoderLayer; the
// others are its parts. Private to models.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graft/models/gpt.h"
#include "graft/nn/blocked_attention.h"
#include "graft/nn/linear_slot.h"
#include "graft/nn/rms_norm.h"
#include "graft/nn/rotary.h"
#include "models/attention_mask_internal.h"
#include "models/kv_cache_internal.h"
#include "models/router_balance_internal.h"

namespace graft {

// Takes the tensors of one module out of the source, on the right device.
class WeightReader {
 public:
  WeightReader(const WeightSource& source, const GptOptions& options)
      : source_(source), options_(options) {}
  // "PREFIX.weight" as (out, in).
  c10::intrusive_ptr<nn::FrozenWeight> matrix(const std::string& prefix,
                                              std::int64_t out,
                                              std::int64_t in) const;
  // The same as row blocks: for what reads some of the rows at a time.
  std::vector<nn::WeightBlock> blocks(const std::string& prefix,
                                      std::int64_t out, std::int64_t in) const;
  // "NAME" as (size) in fp32, an own copy.
  at::Tensor vector(const std::string& name, std::int64_t size) const;
  // "PREFIX.bias" when wanted, in the type that `weight` computes in.
  at::Tensor bias(const std::string& prefix, bool wanted,
                  const nn::FrozenWeight& weight) const;

  nn::ComputeMode mode() const { return options_.compute; }

 private:
  std::vector<nn::WeightBlock> read(const std::string& prefix) const;

  const WeightSource& source_;
  const GptOptions& options_;
};

// What all layers of one forward share.
struct LayerContext {
  nn::RotaryTable rotary;
  nn::RotaryTable sliding_rotary;  // where it differs
  // Of layers that see every key before them; unused without such a layer.
  AttentionPattern pattern;
  // Of the others: nn::blocked_attention's.
  at::Tensor key_groups;
  GptCache* cache = nullptr;
  c10::intrusive_ptr<RouterBalance> balance;  // null: no such loss
};

// Scores, softmax and the weighted sum; owns no parameters.
class CoreAttention : public torch::nn::Module {
 public:
  // q (B, heads, T, d), k and v (B, kv_heads, S, d) -> (B, T, heads * d).
  at::Tensor forward(const nn::SplitHeads& in,
                     const AttentionPattern& pattern) const;
  // The same from the rotated product of pattern.segments.
  at::Tensor forward(const at::Tensor& qkv, const nn::HeadShape& shape,
                     const std::vector<nn::AttentionSegment>& segments) const;
};

class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(const GptConfig& config, const WeightReader& reader,
                const std::string& path, std::int64_t layer);
  at::Tensor forward(const nn::LinearInput& x, const LayerContext& context);

 private:
  void add_query_norms(const GptConfig& config, const WeightReader& reader,
                       const std::string& path);
  // Norms of queries and keys in the product (B, T, width).
  at::Tensor normalised(const at::Tensor& qkv) const;
  nn::SplitHeads split(at::Tensor qkv, const LayerContext& context) const;

  nn::HeadShape shape_;
  std::int64_t layer_;
  GptLayer kind_;
  bool norm_of_heads_ = false;
  bool own_rotary_ = false;  // the context's sliding_rotary
  nn::ScoreOptions scores_;
  at::Tensor query_factor_;  // (width): brings queries to the default scale
  std::shared_ptr<nn::ColumnParallelLinear> linear_qkv_;
  std::shared_ptr<nn::RmsNorm> q_layernorm_;  // null without norms
  std::shared_ptr<nn::RmsNorm> k_layernorm_;
  std::shared_ptr<CoreAttention> core_attention_;
  std::shared_ptr<nn::RowParallelLinear> linear_proj_;
};

class FeedForward : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const nn::LinearInput& x,
                             const LayerContext& context) = 0;
};

class Mlp : public FeedForward {
 public:
  Mlp(const GptConfig& config, const WeightReader& reader,
      const std::string& path);
  at::Tensor forward(const nn::LinearInput& x,
                     const LayerContext& context) override;

 private:
  nn::Gate gate_;
  std::shared_ptr<nn::ColumnParallelLinear> linear_fc1_;
  std::shared_ptr<nn::RowParallelLinear> linear_fc2_;
};

// The residual stream between layers: the sum is delayed, so that it is formed
// together with the next norm.
struct Stream {
  at::Tensor base;   // (B, T, hidden)
  at::Tensor delta;  // still to be added; undefined before the first layer

  at::Tensor sum() const;
};
// Adds the delta; returns the norm of the sum, which becomes the base.
nn::LinearInput take_norm(Stream& stream, const nn::RmsNorm& norm);

class DecoderLayer : public torch::nn::Module {
 public:
  DecoderLayer(const GptConfig& config, const WeightReader& reader,
               std::int64_t layer);
  Stream forward(Stream stream, const LayerContext& context);
  // The whole sum after the layer; keeps x alone for backward, and no mapped
  // weight in memory when it is done.
  at::Tensor forward_recomputed(const at::Tensor& x,
                                const LayerContext& context);
  // Of the weights that forward_recomputed lets leave memory.
  std::int64_t mapped_bytes() const;

 private:
  std::uint64_t state_key() const;
  void give_back_weights() const;

  // The norms before and behind a part are null where the family has none.
  std::shared_ptr<nn::RmsNorm> input_layernorm_;
  std::shared_ptr<SelfAttention> self_attention_;
  std::shared_ptr<nn::RmsNorm> post_self_attn_layernorm_;
  std::shared_ptr<nn::RmsNorm> pre_mlp_layernorm_;
  std::shared_ptr<FeedForward> mlp_;
  std::shared_ptr<nn::RmsNorm> post_mlp_layernorm_;
};

// True when the layer's attention is nn::blocked_attention over `keys` keys.
bool is_blocked(const GptConfig& config, const GptLayer& layer,
                std::int64_t keys);

}  // namespace graft
