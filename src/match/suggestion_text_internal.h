// The sentence about an entry that selected nothing, in tables and errors.
// Entry point: unmatched_sentence.
#pragma once

#include <string>

#include "graft/match/plan.h"

namespace graft {

// "'q_porj' selects no module. Nearest: q_proj (28 modules), o_proj (28)."
std::string unmatched_sentence(const EntryReport& report);

}  // namespace graft
