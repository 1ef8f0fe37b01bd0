// Turns the hits of compiled rules on one inventory into a Plan. Entry point:
// select_sites.
#pragma once

#include <memory>
#include <vector>

#include "graft/match/plan.h"
#include "match/rule_run_internal.h"

namespace graft {

Plan select_sites(const Inventory& inventory, const std::vector<Rule>& rules,
                  const std::vector<std::unique_ptr<CompiledRule>>& compiled);

}  // namespace graft
