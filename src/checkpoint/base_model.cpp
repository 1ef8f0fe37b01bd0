// Joins the files of a checkpoint (formats, io) with the runnable model
// (models). Entry point: load_base_model.
#include "graft/checkpoint/base_model.h"

#include "checkpoint/rotary_spec_internal.h"
#include "checkpoint/weight_blocks_internal.h"
#include "graft/base/logger.h"
#include "graft/formats/checkpoint.h"
#include "graft/models/gpt.h"

namespace graft {
namespace {

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
  out.norm_eps = config.norm_eps;
  out.attention_bias = config.attention_bias;
  out.mlp_bias = config.mlp_bias;
  out.tied_embeddings = config.tied_embeddings;
  out.padding_id = generation.pad_token_id.value_or(-1);
  out.rotary = make_rotary_spec(config.rope, config.head_dim);
  return out;
}

}  // namespace

BaseModel load_base_model(const std::filesystem::path& path,
                          const ComputeOptions& options) {
  const auto checkpoint = open_checkpoint(path);
  BaseModel base;
  base.directory = path;
  base.config = checkpoint->config();
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
