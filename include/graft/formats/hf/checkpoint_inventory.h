// The inventory of a checkpoint on disk, from config.json and safetensors
// headers alone. Entry point: read_inventory.
#pragma once

#include <filesystem>

#include "graft/match/module_info.h"

namespace graft {

// Families with a table give runtime paths with HF names as parts; any other
// safetensors directory gives HF names only: every 2-D `X.weight` is a linear,
// except embeddings (embed_tokens, wte, ...) and routers, which are told by
// name. Tensors of the file that the family does not know, or lacks, are a
// FileError. Storage types come from the headers.
Inventory read_inventory(const std::filesystem::path& directory);

}  // namespace graft
