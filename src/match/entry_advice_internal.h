// Advice for entries that selected nothing: what they would have to be. Entry
// point: advise_unmatched.
#pragma once

#include <vector>

#include "graft/match/plan.h"

namespace graft {

// Fills suggestions, their counts and refusals of the entries of `plan` that
// hit nothing.
void advise_unmatched(const Inventory& inventory,
                      const std::vector<Rule>& rules, Plan& plan);

}  // namespace graft
