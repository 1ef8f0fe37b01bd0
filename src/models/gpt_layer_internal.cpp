// One decoder layer: norm, attention, norm, gated MLP.
#include "models/gpt_layer_internal.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/nn/recompute.h"
#include "graft/nn/segment_attention.h"
#include "graft/nn/swiglu.h"

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

c10::intrusive_ptr<nn::FrozenWeight> WeightReader::matrix(
    const std::string& prefix, std::int64_t out, std::int64_t in) const {
  const std::string name = prefix + ".weight";
  std::vector<nn::WeightBlock> blocks = source_(name);
  if (!options_.device.is_cpu()) {
    for (nn::WeightBlock& block : blocks) {
      block = {block.weight.to(options_.device), nullptr};
    }
  }
  auto weight = nn::FrozenWeight::make(std::move(blocks), options_.compute,
                                       options_.layout);
  if (weight->out() != out || weight->in() != in) {
    refuse_shape(name, shape_text(weight->out(), weight->in()),
                 shape_text(out, in));
  }
  return weight;
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

SelfAttention::SelfAttention(const GptConfig& config,
                             const WeightReader& reader,
                             const std::string& path, std::int64_t layer)
    : shape_{config.heads, config.kv_heads, config.head_dim}, layer_(layer) {
  const std::int64_t query = config.heads * config.head_dim;
  const std::int64_t rows = query + 2 * config.kv_heads * config.head_dim;
  const std::string qkv = path + ".linear_qkv";
  const std::string proj = path + ".linear_proj";
  linear_qkv_ = register_module(
      "linear_qkv",
      make_slot<nn::ColumnParallelLinear>(
          reader, qkv, reader.matrix(qkv, rows, config.hidden_size),
          config.attention_bias));
  const std::int64_t key_end = (query + rows) / 2;
  linear_qkv_->set_components({{"linear_q", {0, query}},
                               {"linear_k", {query, key_end}},
                               {"linear_v", {key_end, rows}}});
  core_attention_ =
      register_module("core_attention", std::make_shared<CoreAttention>());
  linear_proj_ = register_module(
      "linear_proj",
      make_slot<nn::RowParallelLinear>(
          reader, proj, reader.matrix(proj, config.hidden_size, query),
          config.attention_bias));
}

at::Tensor SelfAttention::forward(const at::Tensor& x,
                                  const LayerContext& context) {
  at::Tensor qkv = linear_qkv_->forward(x);
  if (!context.pattern.segments.empty()) {
    return linear_proj_->forward(core_attention_->forward(
        nn::rotated(std::move(qkv), context.rotary, shape_), shape_,
        context.pattern.segments));
  }
  nn::SplitHeads heads =
      nn::split_rotated(std::move(qkv), context.rotary, shape_);
  if (context.cache != nullptr) {
    const auto all = context.cache->extend(layer_, {heads.k, heads.v});
    heads.k = all.key;
    heads.v = all.value;
  }
  return linear_proj_->forward(
      core_attention_->forward(heads, context.pattern));
}

Mlp::Mlp(const GptConfig& config, const WeightReader& reader,
         const std::string& path) {
  const std::string fc1 = path + ".linear_fc1";
  const std::string fc2 = path + ".linear_fc2";
  const std::int64_t inner = config.intermediate_size;
  linear_fc1_ = register_module(
      "linear_fc1",
      make_slot<nn::ColumnParallelLinear>(
          reader, fc1, reader.matrix(fc1, 2 * inner, config.hidden_size),
          config.mlp_bias));
  linear_fc1_->set_components(
      {{"linear_fc1_gate", {0, inner}}, {"linear_fc1_up", {inner, 2 * inner}}});
  linear_fc2_ = register_module(
      "linear_fc2",
      make_slot<nn::RowParallelLinear>(
          reader, fc2, reader.matrix(fc2, config.hidden_size, inner),
          config.mlp_bias));
}

at::Tensor Mlp::forward(const at::Tensor& x) {
  return linear_fc2_->forward(nn::swiglu(linear_fc1_->forward(x)));
}

at::Tensor Stream::sum() const { return delta.defined() ? base + delta : base; }

at::Tensor take_norm(Stream& stream, const nn::RmsNorm& norm) {
  if (!stream.delta.defined()) return norm.forward(stream.base);
  nn::AddedNorm out = norm.forward(stream.base, stream.delta);
  stream.base = std::move(out.sum);
  stream.delta.reset();
  return std::move(out.normalised);
}

DecoderLayer::DecoderLayer(const GptConfig& config, const WeightReader& reader,
                           std::int64_t layer) {
  const std::string path = "decoder.layers." + std::to_string(layer);
  const auto norm = [&](const std::string& name) {
    return register_module(
        name,
        std::make_shared<nn::RmsNorm>(
            reader.vector(path + "." + name + ".weight", config.hidden_size),
            config.norm_eps));
  };
  input_layernorm_ = norm("input_layernorm");
  self_attention_ = register_module(
      "self_attention", std::make_shared<SelfAttention>(
                            config, reader, path + ".self_attention", layer));
  pre_mlp_layernorm_ = norm("pre_mlp_layernorm");
  mlp_ = register_module("mlp",
                         std::make_shared<Mlp>(config, reader, path + ".mlp"));
}

Stream DecoderLayer::forward(Stream stream, const LayerContext& context) {
  stream.delta =
      self_attention_->forward(take_norm(stream, *input_layernorm_), context);
  stream.delta = mlp_->forward(take_norm(stream, *pre_mlp_layernorm_));
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
