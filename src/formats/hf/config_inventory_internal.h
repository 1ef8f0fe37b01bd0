// The inventory of a model of which less than a whole directory is there.
// Entry points: is_config_alone, read_config_inventory, warn_of_shard.
#pragma once

#include <filesystem>

#include "graft/match/module_info.h"

namespace graft {

// A folder with config.json and no weights of any program.
bool is_config_alone(const std::filesystem::path& directory);

// Names and shapes are what the family's table makes of the configuration,
// with a warning. Throws FileError for a family without a table.
Inventory read_config_inventory(const std::filesystem::path& directory);

// When `path` is one file of several: a warning that it is a part of a model.
void warn_of_shard(const std::filesystem::path& path, Inventory& inventory);

}  // namespace graft
