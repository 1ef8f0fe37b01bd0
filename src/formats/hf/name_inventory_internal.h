// The inventory of a checkpoint that no family table describes, from tensor
// names and shapes. Entry point: make_name_inventory.
#pragma once

#include <optional>
#include <string>

#include "graft/io/sharded_safetensors.h"
#include "graft/match/module_info.h"

namespace graft {

// What config.json says that names and shapes do not.
struct CheckpointHints {
  std::optional<std::string> model_type;
  bool tied_head = false;  // a head that shares the embedding's tensor
  bool says_tied = false;  // config.json says so itself
};

// Throws FileError for names that are no module paths.
Inventory make_name_inventory(const ShardedSafetensors& weights,
                              const CheckpointHints& hints);

}  // namespace graft
