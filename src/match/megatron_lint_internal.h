// Where a megatron pattern says something else than it seems to. Entry point:
// lint_megatron.
#pragma once

#include <string>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/rule.h"

namespace graft {

// One warning for each pattern of megatron rules that hits other modules than
// the same text as a glob, naming every such module. Patterns that are no
// globs have no second reading.
std::vector<std::string> lint_megatron(const Inventory& inventory,
                                       const std::vector<Rule>& rules);

}  // namespace graft
