// The inventory of a checkpoint on disk, from config.json and safetensors
// headers alone. Entry points: read_inventory, read_checkpoint_config.
#pragma once

#include <filesystem>

#include "graft/formats/hf/model_config.h"
#include "graft/io/sharded_safetensors.h"
#include "graft/match/module_info.h"

namespace graft {

// Families with a table give runtime paths with HF names as parts; any other
// safetensors directory gives HF names only: every 2-D `X.weight` is a linear,
// except embeddings (embed_tokens, wte, ...) and routers, which are told by
// name. A tensor that the family has and the file lacks, or has in another
// shape, or that the layers have and the family does not know, is a FileError;
// others that the family does not know are listed in a warning. Names may
// begin as in a multimodal wrapper. Storage types come from the headers. A head
// that config.json ties but that is stored with other values is a tensor of its
// own, with a warning. `directory` may be one .safetensors file: then its names
// are all that is known. With config.json and no weights, a family's table
// gives names and shapes, with a warning; without a table that is a FileError.
Inventory read_inventory(const std::filesystem::path& directory);

// read_model_config with tied_embeddings as the stored tensors have it.
ModelConfig read_checkpoint_config(const std::filesystem::path& directory,
                                   const ShardedSafetensors& weights);

}  // namespace graft
