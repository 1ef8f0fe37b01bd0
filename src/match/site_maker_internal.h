// Turns what a rule won into a site, without its rule and settings. Entry
// points: rows_of_part, make_site.
#pragma once

#include <cstddef>

#include "graft/match/module_info.h"
#include "graft/match/plan.h"
#include "match/rule_run_internal.h"

namespace graft {

// Rows of the module's weight; `part` may be kWhole.
RowSet rows_of_part(const ModuleInfo& info, std::size_t part);

// A module of the inventory, or a part of it.
Site make_site(const Inventory& inventory, std::size_t module,
               std::size_t part);

// A parameter that no table assigns to a layer; with its settings.
Site make_site(const Inventory& inventory, const ParameterHit& hit);

}  // namespace graft
