// What Selector::explain does. Entry point: explain_module.
#pragma once

#include <string>
#include <vector>

#include "graft/match/explanation.h"
#include "match/selection_internal.h"

namespace graft {

// Throws ConfigError when nothing is called `asked`.
Explanation explain_module(const Inventory& inventory,
                           const std::vector<Rule>& rules,
                           const CompiledRules& compiled,
                           const std::string& asked);

}  // namespace graft
