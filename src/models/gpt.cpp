// The whole model: embedding, decoder, head, and the loss. Entry points:
// make_gpt, gpt_config, gpt_hidden_states.
#include "graft/models/gpt.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/container/modulelist.h>

#include <utility>

#include "graft/base/error.h"
#include "graft/nn/capped_head_loss.h"
#include "graft/nn/embedding.h"
#include "graft/nn/head_loss.h"
#include "models/gpt_layer_internal.h"
#include "models/layer_context_internal.h"

namespace graft {
namespace {

class LmEmbedding : public torch::nn::Module {
 public:
  explicit LmEmbedding(c10::intrusive_ptr<nn::FrozenWeight> weight)
      : words(register_module(
            "word_embeddings",
            std::make_shared<nn::Embedding>(std::move(weight)))) {}
  const std::shared_ptr<nn::Embedding> words;
};

class Decoder : public torch::nn::Module {
 public:
  Decoder(const GptConfig& config, const WeightReader& reader)
      : list_(register_module("layers", torch::nn::ModuleList())) {
    for (std::int64_t n = 0; n < config.layers; ++n) {
      layers.push_back(std::make_shared<DecoderLayer>(config, reader, n));
      list_->push_back(layers.back());
    }
    final_norm = register_module(
        "final_layernorm",
        std::make_shared<nn::RmsNorm>(
            reader.vector("decoder.final_layernorm.weight", config.hidden_size),
            config.norm_eps, config.norms.offset));
  }
  std::vector<std::shared_ptr<DecoderLayer>> layers;
  std::shared_ptr<nn::RmsNorm> final_norm;

 private:
  torch::nn::ModuleList list_;
};

[[noreturn]] void refuse_input(const std::string& what, const std::string& got,
                               const std::string& expected) {
  throw ConfigError(ErrorText{"model input", what, got, expected, {}});
}

std::string sizes_text(const at::Tensor& tensor) {
  std::string text = "[";
  for (const std::int64_t size : tensor.sizes()) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + "]";
}

void check_segments(const nn::LmInput& input) {
  if (input.segments.empty()) return;
  if (input.cache != nullptr || input.attention_mask.defined()) {
    refuse_input("segments", "a mask or a cache beside them", "neither");
  }
  std::int64_t total = 0;
  for (const std::int64_t length : input.segments) {
    if (length < 1) {
      refuse_input("segments", "one of length " + std::to_string(length),
                   "lengths of at least 1");
    }
    total += length;
  }
  if (input.input_ids.size(0) != 1 || input.input_ids.size(1) != total) {
    refuse_input("segments",
                 std::to_string(total) + " tokens for input_ids of " +
                     sizes_text(input.input_ids),
                 "one row of as many tokens");
  }
}

class Gpt : public nn::CausalLm {
 public:
  Gpt(const GptConfig& config, const WeightSource& source,
      const GptOptions& options);

  at::Tensor hidden(const nn::LmInput& input) override;
  at::Tensor logits(const at::Tensor& hidden) override;
  at::Tensor loss_sum(const at::Tensor& hidden,
                      const at::Tensor& labels) override;
  std::unique_ptr<nn::KvCache> make_cache(std::int64_t batch,
                                          std::int64_t capacity) override;
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t max_positions() const override { return config_.max_positions; }
  at::Device device() const override { return device_; }
  void make_trainable() override;
  bool takes_segments() const override { return true; }
  void set_checkpoint_activations(bool on) override { recompute_ = on; }
  void set_router_loss(bool on) override;
  at::Tensor router_loss(double factor) override;

  const GptConfig& config() const { return config_; }
  at::ScalarType compute_type() const {
    const auto& frozen = embedding_->words->frozen();
    return frozen ? frozen->compute_type() : at::kFloat;
  }

  // Calls visit(tensor) with what gpt_hidden_states lists.
  template <typename Visit>
  void run(const nn::LmInput& input, Visit visit);

 private:
  LayerContext make_context(const nn::LmInput& input, GptCache* cache) const;
  // The rotation, and what the kinds of attention in the model need of `mask`.
  void fill_rotary(const nn::LmInput& input, std::int64_t past,
                   LayerContext& out) const;
  void fill_pattern(const nn::LmInput& input, const at::Tensor& mask,
                    std::int64_t past, LayerContext& out) const;
  at::Tensor embedded(const at::Tensor& ids) const;
  GptCache* checked_cache(const nn::LmInput& input) const;

  GptConfig config_;
  at::Device device_;
  bool recompute_ = false;
  bool router_loss_ = false;
  c10::intrusive_ptr<RouterBalance> balance_;  // of the last hidden()
  std::shared_ptr<LmEmbedding> embedding_;
  std::shared_ptr<Decoder> decoder_;
  std::shared_ptr<nn::ColumnParallelLinear> output_layer_;
};

Gpt::Gpt(const GptConfig& config, const WeightSource& source,
         const GptOptions& options)
    : config_(config), device_(options.device) {
  const WeightReader reader(source, options);
  const auto words = reader.matrix("embedding.word_embeddings",
                                   config.vocab_size, config.hidden_size);
  embedding_ =
      register_module("embedding", std::make_shared<LmEmbedding>(words));
  decoder_ =
      register_module("decoder", std::make_shared<Decoder>(config, reader));
  const auto head = config.tied_embeddings
                        ? words
                        : reader.matrix("output_layer", config.vocab_size,
                                        config.hidden_size);
  output_layer_ = register_module(
      "output_layer",
      std::make_shared<nn::ColumnParallelLinear>(head, at::Tensor()));
  output_layer_->set_output_head(true);
}

GptCache* Gpt::checked_cache(const nn::LmInput& input) const {
  if (input.input_ids.dim() != 2) {
    refuse_input("input_ids", sizes_text(input.input_ids), "[batch, tokens]");
  }
  check_segments(input);
  if (input.cache == nullptr) return nullptr;
  auto* cache = dynamic_cast<GptCache*>(input.cache);
  if (cache == nullptr) {
    refuse_input("cache", "one of another model", "one of make_cache");
  }
  const std::int64_t needed = cache->length() + input.input_ids.size(1);
  if (cache->batch() != input.input_ids.size(0) || needed > cache->capacity()) {
    refuse_input("cache",
                 std::to_string(input.input_ids.size(0)) + " rows of " +
                     std::to_string(needed) + " tokens",
                 std::to_string(cache->batch()) + " rows of at most " +
                     std::to_string(cache->capacity()));
  }
  return cache;
}

void Gpt::fill_rotary(const nn::LmInput& input, std::int64_t past,
                      LayerContext& out) const {
  const std::int64_t tokens = input.input_ids.size(1);
  at::Tensor positions = input.position_ids;
  if (positions.defined()) {
    if (!positions.sizes().equals(input.input_ids.sizes())) {
      refuse_input("position_ids", sizes_text(positions),
                   sizes_text(input.input_ids));
    }
    positions = positions.to(device_).reshape({-1});
  } else if (!input.segments.empty()) {
    positions = segment_positions(input.segments, device_);
  } else {
    positions = at::arange(past, past + tokens, at::TensorOptions(device_));
  }
  out.rotary = make_rotary_table(config_.rotary, positions);
  if (config_.sliding_rotary) {
    out.sliding_rotary = make_rotary_table(*config_.sliding_rotary, positions);
  }
}

void Gpt::fill_pattern(const nn::LmInput& input, const at::Tensor& mask,
                       std::int64_t past, LayerContext& out) const {
  const std::int64_t tokens = input.input_ids.size(1);
  const AttentionNeeds needs = attention_needs(config_, past + tokens);
  const auto options = at::TensorOptions(device_).dtype(compute_type());
  if (needs.blocked) {
    out.key_groups = input.segments.empty()
                         ? mask_groups(mask)
                         : segment_groups(input.segments, device_);
  }
  if (!needs.plain) return;
  out.pattern = input.segments.empty()
                    ? make_attention_pattern(mask,
                                             {input.input_ids.size(0), tokens,
                                              past, out.cache != nullptr},
                                             options)
                    : make_packed_pattern(input.segments, options);
}

LayerContext Gpt::make_context(const nn::LmInput& input,
                               GptCache* cache) const {
  const std::int64_t past = cache == nullptr ? 0 : cache->length();
  const std::int64_t tokens = input.input_ids.size(1);
  LayerContext out;
  out.cache = cache;
  fill_rotary(input, past, out);
  at::Tensor mask = input.attention_mask;
  if (mask.defined()) {
    if (mask.dim() != 2 || mask.size(0) != input.input_ids.size(0) ||
        mask.size(1) != past + tokens) {
      refuse_input("attention_mask", sizes_text(mask),
                   std::to_string(past + tokens) + " tokens a row");
    }
    mask = mask.to(device_);
  }
  fill_pattern(input, mask, past, out);
  if (router_loss_ && at::GradMode::is_enabled() && cache == nullptr) {
    out.balance = c10::make_intrusive<RouterBalance>(
        config_.layers, config_.experts.count,
        mask.defined() ? mask.reshape({-1}).to(at::kFloat) : at::Tensor());
  }
  return out;
}

at::Tensor Gpt::embedded(const at::Tensor& ids) const {
  const at::Tensor words = embedding_->words->forward(ids.to(device_));
  if (config_.embedding_scale == 1.0) return words;
  // The scale is rounded to the words' type, as in transformers.
  return words * at::scalar_tensor(config_.embedding_scale, words.options());
}

template <typename Visit>
void Gpt::run(const nn::LmInput& input, Visit visit) {
  GptCache* cache = checked_cache(input);
  const at::AutoGradMode grad(at::GradMode::is_enabled() && cache == nullptr);
  const LayerContext context = make_context(input, cache);
  balance_ = context.balance;
  Stream stream{embedded(input.input_ids), {}};
  for (const auto& layer : decoder_->layers) {
    visit(stream);
    if (recompute_ && cache == nullptr) {
      stream = {layer->forward_recomputed(stream.sum(), context), {}};
    } else {
      stream = layer->forward(std::move(stream), context);
    }
  }
  visit(Stream{take_norm(stream, *decoder_->final_norm).value, {}});
  if (cache != nullptr) cache->advance(input.input_ids.size(1));
}

at::Tensor Gpt::hidden(const nn::LmInput& input) {
  at::Tensor last;
  run(input, [&](const Stream& stream) { last = stream.base; });
  return last;
}

void Gpt::set_router_loss(bool on) {
  if (on && config_.experts.count == 0) return CausalLm::set_router_loss(on);
  router_loss_ = on;
}

at::Tensor Gpt::router_loss(double factor) {
  if (!balance_) return CausalLm::router_loss(factor);
  balance_->factor = factor;
  return balance_->loss();
}

at::Tensor Gpt::logits(const at::Tensor& hidden) {
  const at::Tensor logits = output_layer_->forward(hidden).to(at::kFloat);
  if (config_.logit_soft_cap == 0) return logits;
  return nn::soft_capped(logits, config_.logit_soft_cap);
}

at::Tensor Gpt::loss_sum(const at::Tensor& hidden, const at::Tensor& labels) {
  if (labels.dim() != 2 || hidden.dim() != 3 ||
      labels.size(0) != hidden.size(0) || labels.size(1) != hidden.size(1)) {
    refuse_input("labels", sizes_text(labels), "the shape of input_ids");
  }
  constexpr std::int64_t kIgnored = -100;
  const std::int64_t tokens = labels.size(1);
  // Position t answers label t + 1, so the last position answers nothing.
  at::Tensor next = at::full_like(labels, kIgnored);
  if (tokens > 1) {
    next.narrow(1, 0, tokens - 1).copy_(labels.narrow(1, 1, tokens - 1));
  }
  next = next.to(device_).view({-1});
  const at::Tensor places = next.ne(kIgnored).nonzero().view({-1});
  const at::Tensor targets = next.index_select(0, places);
  if (targets.numel() > 0 && targets.lt(0)
                                 .logical_or_(targets.ge(config_.vocab_size))
                                 .any()
                                 .item<bool>()) {
    refuse_input("labels", std::to_string(targets.max().item<std::int64_t>()),
                 "-100 or 0.." + std::to_string(config_.vocab_size - 1));
  }
  const at::Tensor rows =
      hidden.reshape({-1, config_.hidden_size}).index_select(0, places);
  if (config_.logit_soft_cap == 0) {
    return nn::head_loss(rows, *output_layer_, targets);
  }
  return nn::capped_head_loss(rows, output_layer_, targets,
                              config_.logit_soft_cap);
}

std::unique_ptr<nn::KvCache> Gpt::make_cache(std::int64_t batch,
                                             std::int64_t capacity) {
  const auto options = at::TensorOptions(device_).dtype(compute_type());
  return std::make_unique<GptCache>(
      GptCache::Shape{config_.layers, batch, config_.kv_heads, capacity,
                      config_.head_dim},
      options);
}

void Gpt::make_trainable() {
  for (const auto& module : modules()) {
    if (auto* slot = dynamic_cast<nn::LinearSlot*>(module.get());
        slot != nullptr && slot != output_layer_.get()) {
      slot->make_trainable();
    } else if (auto* norm = dynamic_cast<nn::RmsNorm*>(module.get())) {
      norm->weight().requires_grad_(true);
    }
  }
  embedding_->words->make_trainable(config_.padding_id);
  if (config_.tied_embeddings) {
    output_layer_->make_trainable_with(embedding_->words->weight());
  } else {
    output_layer_->make_trainable();
  }
}

}  // namespace

std::shared_ptr<nn::CausalLm> make_gpt(const GptConfig& config,
                                       const WeightSource& weights,
                                       const GptOptions& options) {
  auto model = std::make_shared<Gpt>(config, weights, options);
  model->eval();
  return model;
}

const GptConfig& gpt_config(const nn::CausalLm& model) {
  const auto* gpt = dynamic_cast<const Gpt*>(&model);
  if (gpt == nullptr) {
    refuse_input("model", "one of another kind", "one of make_gpt");
  }
  return gpt->config();
}

std::vector<at::Tensor> gpt_hidden_states(nn::CausalLm& model,
                                          const nn::LmInput& input) {
  gpt_config(model);  // refuses other kinds
  std::vector<at::Tensor> states;
  dynamic_cast<Gpt&>(model).run(
      input, [&](const Stream& stream) { states.push_back(stream.sum()); });
  return states;
}

}  // namespace graft
