// HF PEFT's modules_to_save as a selection: modules that are trained whole.
// Entry point: peft_full_copies.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"

namespace graft {

struct AdaptedModules {
  std::function<bool(std::string_view)> contains;  // HF path
  bool any = false;
};

// Every module, shared ones under each path, whose path ends in an entry:
// plain text without a dot before it, unlike modules_to_save as an exclude.
// What lies inside a copied module is copied with it.
// Modules that cannot be copied (lists, adapted layers) become problems.
std::vector<std::string> peft_full_copies(
    const std::vector<std::string>& entries, const Inventory& inventory,
    const AdaptedModules& adapted, std::vector<std::string>& problems);

}  // namespace graft
