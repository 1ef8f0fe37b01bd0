// The sentence about an entry that selected nothing, in tables and errors.
// Entry points: unmatched_sentence, quoted_entry.
#pragma once

#include <string>

#include "graft/match/plan.h"

namespace graft {

// "recipe.yaml:6: 'q_porj'", or without the place where none is known.
std::string quoted_entry(const EntryReport& report);

// "recipe.yaml:6: 'q_porj' selects no module. Nearest: q_proj (28 modules)."
std::string unmatched_sentence(const EntryReport& report);

}  // namespace graft
