// A family as a table: which HF tensor fills which rows of which runtime
// tensor. The same table drives loading, saving, the inventory and adapter
// names. Entry point: make_weight_table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/row_set.h"
#include "graft/formats/hf/model_config.h"
#include "graft/match/module_info.h"

namespace graft {

// One HF tensor of the checkpoint.
struct WeightRow {
  std::string hf_name;  // "model.layers.0.self_attn.q_proj.weight"
  std::string
      runtime_name;  // "decoder.layers.0.self_attention.linear_qkv.weight"
  // Of the HF tensor; experts in one tensor have three dimensions (experts,
  // rows, in) and are rows of experts one after another at run time.
  std::vector<std::int64_t> shape;
  RowSet rows;  // of the runtime tensor's first dimension
};

// Every tensor that the model has, in runtime registration order. A tied
// model has no row for the head.
std::vector<WeightRow> make_weight_table(const ModelConfig& config);

// False for a family whose checkpoints keep q, k and v (gate and up) in one
// tensor, so that no part of it has a name of its own.
bool has_named_parts(const ModelConfig& config);

// The modules of the runtime model in its walk order (containers included),
// with their HF names: what the live model's own inventory must equal.
Inventory make_family_inventory(const ModelConfig& config);

}  // namespace graft
