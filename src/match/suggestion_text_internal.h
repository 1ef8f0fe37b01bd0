// The sentence about an entry that selected nothing, in tables and errors.
// Entry points: is_unmatched, unmatched_sentence, quoted_entry.
#pragma once

#include <string>

#include "graft/match/plan.h"

namespace graft {

// It selects nothing and holds nothing back. A rule with adapt: false may also
// name what takes no adapter anyway.
bool is_unmatched(const EntryReport& report);

// "recipe.yaml:6: 'q_porj'", or without the place where none is known.
std::string quoted_entry(const EntryReport& report);

// "recipe.yaml:6: 'q_porj' selects no module. Nearest: q_proj (28 modules)."
std::string unmatched_sentence(const EntryReport& report);

}  // namespace graft
