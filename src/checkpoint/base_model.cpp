// Joins the files of a checkpoint (formats, io) with the runnable model
// (models). Entry point: load_base_model.
#include "graft/checkpoint/base_model.h"

#include <cmath>

#include "checkpoint/rotary_spec_internal.h"
#include "checkpoint/weight_blocks_internal.h"
#include "graft/base/logger.h"
#include "graft/formats/checkpoint.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/models/gpt.h"

namespace graft {
namespace {

nn::Gate to_gate(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return nn::Gate::kSilu;
    case Activation::kGelu:
      return nn::Gate::kGelu;
    case Activation::kGeluTanh:
      return nn::Gate::kGeluTanh;
    case Activation::kRelu:
      return nn::Gate::kRelu;
  }
  return nn::Gate::kSilu;
}

void fill_norms(const ModelConfig& config, GptConfig& out) {
  out.norm_eps = config.norm_eps;
  out.norms = {config.norms.zero_centred ? 1.0 : 0.0, config.norms.before,
               config.norms.behind, config.norms.qk == QkNorm::kHead,
               config.norms.qk == QkNorm::kAll};
}

void fill_attention(const ModelConfig& config, GptConfig& out) {
  out.attention_bias = config.attention_bias;
  out.qkv_bias = config.qkv_bias;
  if (config.query_scalar > 0) {
    out.attention_scale = 1.0 / std::sqrt(config.query_scalar);
  }
  out.attention_soft_cap = config.attention_soft_cap;
  out.sliding_window = config.sliding_window;
  out.rotary = make_rotary_spec(config.rope, config.head_dim);
  if (config.sliding_rope) {
    out.sliding_rotary =
        make_rotary_spec(*config.sliding_rope, config.head_dim);
  }
  for (const LayerTraits& layer : config.layer_traits) {
    out.layer_kinds.push_back({layer.sliding, layer.rope, layer.experts});
  }
}

GptConfig make_gpt_config(const ModelConfig& config,
                          const GenerationConfig& generation) {
  GptConfig out;
  out.vocab_size = config.vocab_size;
  out.hidden_size = config.hidden_size;
  out.intermediate_size = config.intermediate_size;
  out.layers = config.layers;
  out.heads = config.heads;
  out.kv_heads = config.kv_heads;
  out.head_dim = config.head_dim;
  out.max_positions = config.max_positions;
  fill_norms(config, out);
  fill_attention(config, out);
  out.mlp_bias = config.mlp_bias;
  out.gate = to_gate(config.activation);
  out.logit_soft_cap = config.logit_soft_cap;
  out.embedding_scale = config.embedding_scale;
  out.experts = {config.experts.count, config.experts.per_token,
                 config.experts.size, config.experts.normalised,
                 config.experts.rounded};
  out.named_parts = has_named_parts(config);
  out.tied_embeddings = config.tied_embeddings;
  out.padding_id = generation.pad_token_id.value_or(-1);
  return out;
}

}  // namespace

BaseModel load_base_model(const std::filesystem::path& path,
                          const ComputeOptions& options) {
  const auto checkpoint = open_checkpoint(path);
  BaseModel base;
  base.directory = path;
  base.config = checkpoint->config();
  base.prefetch =
      std::make_shared<const FilePrefetch>(checkpoint->weight_files());
  base.generation = checkpoint->generation();
  base.inventory = checkpoint->inventory();
  const Logger log("graft.checkpoint");
  for (const std::string& warning : base.inventory.warnings) {
    log.warning(warning);
  }
  const WeightBlocks weights(*checkpoint, base.config);
  const StorageKind& storage = weights.storage();
  base.compute = storage.quantised.empty()
                     ? choose_compute(options, storage.dtype)
                     : choose_decoding_compute(options, storage.quantised);
  const WeightSource source = [&](const std::string& name) {
    return weights.find(name, base.compute.mode);
  };
  base.model =
      make_gpt(make_gpt_config(base.config, base.generation), source,
               {base.compute.mode, base.compute.layout, base.compute.device});
  return base;
}

}  // namespace graft
