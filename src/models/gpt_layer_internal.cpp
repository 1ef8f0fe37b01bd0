// One decoder layer: norm, attention, norm, gated MLP.
#include "models/gpt_layer_internal.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/nn/recompute.h"
#include "graft/nn/segment_attention.h"
#include "models/expert_mlp_internal.h"

namespace graft {
namespace {

std::string shape_text(std::int64_t rows, std::int64_t columns) {
  std::string text = std::to_string(rows);
  if (columns > 0) text.append(", ").append(std::to_string(columns));
  return text;
}

[[noreturn]] void refuse_shape(const std::string& name, const std::string& got,
                               const std::string& expected) {
  throw ConfigError(
      ErrorText{"model", "tensor '" + name + "'", got, expected, {}});
}

struct MatrixShape {
  std::int64_t out;
  std::int64_t in;
};

void check_shape(const std::string& prefix, std::int64_t out, std::int64_t in,
                 MatrixShape wanted) {
  if (out == wanted.out && in == wanted.in) return;
  refuse_shape(prefix + ".weight", shape_text(out, in),
               shape_text(wanted.out, wanted.in));
}

template <typename Slot>
std::shared_ptr<Slot> make_slot(const WeightReader& reader,
                                const std::string& path,
                                c10::intrusive_ptr<nn::FrozenWeight> weight,
                                bool with_bias) {
  at::Tensor bias = reader.bias(path, with_bias, *weight);
  return std::make_shared<Slot>(std::move(weight), std::move(bias));
}

template <typename Visit>
void visit_frozen(const torch::nn::Module& layer, Visit visit) {
  for (const auto& module : layer.modules(false)) {
    const auto* slot = dynamic_cast<const nn::LinearSlot*>(module.get());
    if (slot != nullptr && slot->is_frozen()) visit(*slot->frozen());
  }
}

}  // namespace

std::vector<nn::WeightBlock> WeightReader::read(
    const std::string& prefix) const {
  std::vector<nn::WeightBlock> blocks = source_(prefix + ".weight");
  if (options_.device.is_cpu()) return blocks;
  for (nn::WeightBlock& block : blocks) {
    block = {block.weight.to(options_.device), nullptr};
  }
  return blocks;
}

c10::intrusive_ptr<nn::FrozenWeight> WeightReader::matrix(
    const std::string& prefix, std::int64_t out, std::int64_t in) const {
  auto weight =
      nn::FrozenWeight::make(read(prefix), options_.compute, options_.layout);
  check_shape(prefix, weight->out(), weight->in(), {out, in});
  return weight;
}

std::vector<nn::WeightBlock> WeightReader::blocks(const std::string& prefix,
                                                  std::int64_t out,
                                                  std::int64_t in) const {
  std::vector<nn::WeightBlock> blocks = read(prefix);
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  for (const nn::WeightBlock& block : blocks) {
    rows += block.rows();
    columns = block.columns();
  }
  check_shape(prefix, rows, columns, {out, in});
  return blocks;
}

at::Tensor WeightReader::vector(const std::string& name,
                                std::int64_t size) const {
  std::vector<at::Tensor> parts;
  for (const nn::WeightBlock& block : source_(name)) {
    parts.push_back(block.weight.reshape({-1}).to(options_.device, at::kFloat,
                                                  false, true));
  }
  if (parts.empty()) refuse_shape(name, "nothing", shape_text(size, 0));
  at::Tensor values = at::cat(parts);
  if (values.size(0) != size) {
    refuse_shape(name, shape_text(values.size(0), 0), shape_text(size, 0));
  }
  return values;
}

at::Tensor WeightReader::bias(const std::string& prefix, bool wanted,
                              const nn::FrozenWeight& weight) const {
  if (!wanted) return {};
  return vector(prefix + ".bias", weight.out()).to(weight.compute_type());
}

at::Tensor CoreAttention::forward(const nn::SplitHeads& in,
                                  const AttentionPattern& pattern) const {
  if (!pattern.lengths.empty()) {
    return nn::segment_attention(in, pattern.lengths);
  }
  const bool grouped = in.q.size(1) != in.k.size(1);
  const std::optional<at::Tensor> bias =
      pattern.bias.defined() ? std::optional<at::Tensor>(pattern.bias)
                             : std::nullopt;
  const at::Tensor out = at::scaled_dot_product_attention(
      in.q, in.k, in.v, bias, 0.0, pattern.causal, std::nullopt, grouped);
  return out.transpose(1, 2).flatten(2);
}

at::Tensor CoreAttention::forward(
    const at::Tensor& qkv, const nn::HeadShape& shape,
    const std::vector<nn::AttentionSegment>& segments) const {
  return nn::causal_attention(qkv, shape, segments);
}

bool is_blocked(const GptConfig& config, const GptLayer& layer,
                std::int64_t keys) {
  return config.attention_soft_cap > 0 ||
         (layer.sliding && keys > config.sliding_window);
}

SelfAttention::SelfAttention(const GptConfig& config,
                             const WeightReader& reader,
                             const std::string& path, std::int64_t layer)
    : shape_{config.heads, config.kv_heads, config.head_dim},
      layer_(layer),
      kind_(config.layer(layer)),
      own_rotary_(kind_.sliding && config.sliding_rotary.has_value()) {
  const std::int64_t query = config.heads * config.head_dim;
  const std::int64_t rows = query + 2 * config.kv_heads * config.head_dim;
  const std::string qkv = path + ".linear_qkv";
  const std::string proj = path + ".linear_proj";
  linear_qkv_ = register_module(
      "linear_qkv",
      make_slot<nn::ColumnParallelLinear>(
          reader, qkv, reader.matrix(qkv, rows, config.hidden_size),
          config.attention_bias || config.qkv_bias));
  const std::int64_t key_end = (query + rows) / 2;
  if (config.named_parts) {
    linear_qkv_->set_components({{"linear_q", {0, query}},
                                 {"linear_k", {query, key_end}},
                                 {"linear_v", {key_end, rows}}});
  }
  add_query_norms(config, reader, path);
  core_attention_ =
      register_module("core_attention", std::make_shared<CoreAttention>());
  linear_proj_ = register_module(
      "linear_proj",
      make_slot<nn::RowParallelLinear>(
          reader, proj, reader.matrix(proj, config.hidden_size, query),
          config.attention_bias));
  const double usual = 1.0 / std::sqrt(static_cast<double>(config.head_dim));
  scores_ = {config.attention_scale > 0 ? config.attention_scale : usual,
             config.attention_soft_cap,
             kind_.sliding ? config.sliding_window : 0};
  if (scores_.scale == usual) return;
  query_factor_ = at::ones({rows}, linear_proj_->frozen()->device());
  query_factor_.narrow(0, 0, query).fill_(scores_.scale / usual);
}

void SelfAttention::add_query_norms(const GptConfig& config,
                                    const WeightReader& reader,
                                    const std::string& path) {
  if (!config.norms.of_heads && !config.norms.of_queries) return;
  norm_of_heads_ = config.norms.of_heads;
  const auto norm = [&](const std::string& name, std::int64_t heads) {
    const std::int64_t size =
        norm_of_heads_ ? config.head_dim : heads * config.head_dim;
    return register_module(
        name, std::make_shared<nn::RmsNorm>(
                  reader.vector(path + "." + name + ".weight", size),
                  config.norm_eps, config.norms.offset));
  };
  q_layernorm_ = norm("q_layernorm", config.heads);
  k_layernorm_ = norm("k_layernorm", config.kv_heads);
}

at::Tensor SelfAttention::normalised(const at::Tensor& qkv) const {
  const std::int64_t query = shape_.heads * shape_.head_dim;
  const std::int64_t key = shape_.kv_heads * shape_.head_dim;
  const auto apply = [this](const nn::RmsNorm& norm, const at::Tensor& part) {
    if (!norm_of_heads_) return norm.forward(part);
    return norm.forward(part.unflatten(2, {-1, shape_.head_dim})).flatten(2);
  };
  return at::cat({apply(*q_layernorm_, qkv.narrow(2, 0, query)),
                  apply(*k_layernorm_, qkv.narrow(2, query, key)),
                  qkv.narrow(2, query + key, key)},
                 2);
}

nn::SplitHeads SelfAttention::split(at::Tensor qkv,
                                    const LayerContext& context) const {
  if (!kind_.rope) return nn::split_heads(qkv, shape_);
  return nn::split_rotated(
      std::move(qkv), own_rotary_ ? context.sliding_rotary : context.rotary,
      shape_);
}

at::Tensor SelfAttention::forward(const nn::LinearInput& x,
                                  const LayerContext& context) {
  at::Tensor qkv = linear_qkv_->forward(x);
  if (q_layernorm_) qkv = normalised(qkv);
  const std::int64_t keys =
      qkv.size(1) + (context.cache ? context.cache->length() : 0);
  const bool blocked =
      scores_.soft_cap > 0 || (scores_.window > 0 && keys > scores_.window);
  if (!blocked && query_factor_.defined()) {
    qkv = qkv * query_factor_.to(qkv.scalar_type());
  }
  if (!blocked && !context.pattern.segments.empty()) {
    if (kind_.rope) {
      qkv = nn::rotated(std::move(qkv),
                        own_rotary_ ? context.sliding_rotary : context.rotary,
                        shape_);
    }
    return linear_proj_->forward(
        core_attention_->forward(qkv, shape_, context.pattern.segments));
  }
  nn::SplitHeads heads = split(std::move(qkv), context);
  if (context.cache != nullptr) {
    const auto all = context.cache->extend(layer_, {heads.k, heads.v});
    heads.k = all.key;
    heads.v = all.value;
  }
  if (blocked) {
    return linear_proj_->forward(
        nn::blocked_attention(heads, scores_, context.key_groups));
  }
  return linear_proj_->forward(
      core_attention_->forward(heads, context.pattern));
}

Mlp::Mlp(const GptConfig& config, const WeightReader& reader,
         const std::string& path)
    : gate_(config.gate) {
  const std::string fc1 = path + ".linear_fc1";
  const std::string fc2 = path + ".linear_fc2";
  const std::int64_t inner = config.intermediate_size;
  linear_fc1_ = register_module(
      "linear_fc1",
      make_slot<nn::ColumnParallelLinear>(
          reader, fc1, reader.matrix(fc1, 2 * inner, config.hidden_size),
          config.mlp_bias));
  if (config.named_parts) {
    linear_fc1_->set_components({{"linear_fc1_gate", {0, inner}},
                                 {"linear_fc1_up", {inner, 2 * inner}}});
  }
  linear_fc2_ = register_module(
      "linear_fc2",
      make_slot<nn::RowParallelLinear>(
          reader, fc2, reader.matrix(fc2, config.hidden_size, inner),
          config.mlp_bias));
}

at::Tensor Mlp::forward(const nn::LinearInput& x, const LayerContext&) {
  return linear_fc2_->forward(nn::gated_input(gate_, linear_fc1_->forward(x)));
}

at::Tensor Stream::sum() const { return delta.defined() ? base + delta : base; }

nn::LinearInput take_norm(Stream& stream, const nn::RmsNorm& norm) {
  if (!stream.delta.defined()) {
    return norm.input_of({stream.base, norm.forward(stream.base)});
  }
  nn::AddedNorm out = norm.forward(stream.base, stream.delta);
  stream.base = out.sum;
  stream.delta.reset();
  return norm.input_of(std::move(out));
}

namespace {

// What a part of the layer reads; the stream's delta is added.
nn::LinearInput enter(Stream& stream, const nn::RmsNorm* norm) {
  if (norm != nullptr) return take_norm(stream, *norm);
  stream = {stream.sum(), {}};
  return stream.base;
}

std::shared_ptr<FeedForward> make_feed_forward(const GptConfig& config,
                                               const WeightReader& reader,
                                               const std::string& path,
                                               std::int64_t layer) {
  if (config.layer(layer).experts) {
    return std::make_shared<ExpertMlp>(config, reader, path + ".mlp", layer);
  }
  return std::make_shared<Mlp>(config, reader, path + ".mlp");
}

at::Tensor leave(at::Tensor delta, const nn::RmsNorm* norm) {
  return norm == nullptr ? delta : norm->forward(delta);
}

}  // namespace

DecoderLayer::DecoderLayer(const GptConfig& config, const WeightReader& reader,
                           std::int64_t layer) {
  const std::string path = "decoder.layers." + std::to_string(layer);
  const auto norm = [&](const std::string& name, bool wanted) {
    if (!wanted) return std::shared_ptr<nn::RmsNorm>();
    return register_module(
        name,
        std::make_shared<nn::RmsNorm>(
            reader.vector(path + "." + name + ".weight", config.hidden_size),
            config.norm_eps, config.norms.offset));
  };
  input_layernorm_ = norm("input_layernorm", config.norms.before);
  self_attention_ = register_module(
      "self_attention", std::make_shared<SelfAttention>(
                            config, reader, path + ".self_attention", layer));
  post_self_attn_layernorm_ =
      norm("post_self_attn_layernorm", config.norms.behind);
  pre_mlp_layernorm_ = norm("pre_mlp_layernorm", config.norms.before);
  mlp_ = register_module("mlp", make_feed_forward(config, reader, path, layer));
  post_mlp_layernorm_ = norm("post_mlp_layernorm", config.norms.behind);
}

Stream DecoderLayer::forward(Stream stream, const LayerContext& context) {
  stream.delta = leave(
      self_attention_->forward(enter(stream, input_layernorm_.get()), context),
      post_self_attn_layernorm_.get());
  stream.delta =
      leave(mlp_->forward(enter(stream, pre_mlp_layernorm_.get()), context),
            post_mlp_layernorm_.get());
  return stream;
}

at::Tensor DecoderLayer::forward_recomputed(const at::Tensor& x,
                                            const LayerContext& context) {
  const auto self = std::static_pointer_cast<DecoderLayer>(shared_from_this());
  return nn::recomputed(x, {[self, context](const at::Tensor& input) {
                              return self->forward({input, {}}, context).sum();
                            },
                            parameters(), [self] { return self->state_key(); },
                            [self] { self->give_back_weights(); }});
}

void DecoderLayer::give_back_weights() const {
  visit_frozen(*this, [](const nn::FrozenWeight& w) { w.give_back(); });
}

std::int64_t DecoderLayer::mapped_bytes() const {
  std::int64_t sum = 0;
  visit_frozen(*this,
               [&](const nn::FrozenWeight& w) { sum += w.mapped_bytes(); });
  return sum;
}

std::uint64_t DecoderLayer::state_key() const {
  std::uint64_t key = is_training() ? 1 : 0;
  for (const auto& module : modules(false)) {
    const auto* slot = dynamic_cast<const nn::LinearSlot*>(module.get());
    if (slot == nullptr || !slot->op()) continue;
    // FNV-1a's step, over numbers that are well mixed already.
    key = (key ^ slot->op()->state_key()) * 0x100000001b3ULL;
  }
  return key;
}

}  // namespace graft
