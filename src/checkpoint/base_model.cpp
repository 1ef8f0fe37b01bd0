// Joins the files of a checkpoint (formats, io) with the runnable model
// (models). Entry point: load_base_model.
#include "graft/checkpoint/base_model.h"

#include <ATen/ATen.h>

#include <map>
#include <optional>
#include <utility>

#include "checkpoint/rotary_spec_internal.h"
#include "checkpoint/tensor_bridge_internal.h"
#include "graft/base/error.h"
#include "graft/base/logger.h"
#include "graft/formats/hf/checkpoint_inventory.h"
#include "graft/formats/hf/weight_table.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/models/gpt.h"

namespace graft {
namespace {

using RowsByName = std::map<std::string, std::vector<WeightRow>>;

RowsByName group_rows(const ModelConfig& config) {
  RowsByName rows;
  for (WeightRow& row : make_weight_table(config)) {
    rows[row.runtime_name].push_back(std::move(row));
  }
  return rows;
}

// The one type of all matrices. Mixed files run in fp32 slot by slot, so the
// widest type speaks for them.
DType storage_of(const ShardedSafetensors& weights, const RowsByName& rows) {
  std::optional<DType> storage;
  for (const auto& [name, parts] : rows) {
    for (const WeightRow& row : parts) {
      if (row.shape.size() != 2) continue;
      const DType dtype = weights.tensor(row.hf_name).dtype;
      if (!is_computable(dtype)) {
        throw FileError(ErrorText{"load model", "tensor '" + row.hf_name + "'",
                                  std::string(dtype_name(dtype)),
                                  "F32, F16, BF16 or F64",
                                  "Quantised checkpoints cannot be run yet."});
      }
      if (!storage) storage = dtype;
      if (*storage != dtype) return DType::kF32;
    }
  }
  return storage.value_or(DType::kF32);
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
  out.norm_eps = config.norm_eps;
  out.attention_bias = config.attention_bias;
  out.mlp_bias = config.mlp_bias;
  out.tied_embeddings = config.tied_embeddings;
  out.padding_id = generation.pad_token_id.value_or(-1);
  out.rotary = make_rotary_spec(config.rope, config.head_dim);
  return out;
}

}  // namespace

BaseModel load_base_model(const std::filesystem::path& directory,
                          const ComputeOptions& options) {
  BaseModel base;
  base.directory = directory;
  // Before the tensors: its errors say more than theirs.
  read_model_config(directory / "config.json");
  base.generation = read_generation_config(directory);
  base.inventory = read_inventory(directory);
  const Logger log("graft.checkpoint");
  for (const std::string& warning : base.inventory.warnings) {
    log.warning(warning);
  }
  const auto weights = ShardedSafetensors::open(directory);
  base.config = read_checkpoint_config(directory, weights);
  const RowsByName rows = group_rows(base.config);
  base.compute = choose_compute(options, storage_of(weights, rows));
  const WeightSource source = [&](const std::string& name) {
    std::vector<nn::WeightBlock> blocks;
    const auto found = rows.find(name);
    if (found == rows.end()) return blocks;
    for (const WeightRow& row : found->second) {
      blocks.push_back({map_tensor(weights.tensor(row.hf_name)), nullptr});
    }
    return blocks;
  };
  base.model =
      make_gpt(make_gpt_config(base.config, base.generation), source,
               {base.compute.mode, base.compute.layout, base.compute.device});
  return base;
}

}  // namespace graft
