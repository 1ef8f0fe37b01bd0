// An inventory of bare names, one a line: what another program lists, with no
// model at hand. Entry point: read_name_list.
#pragma once

#include <istream>
#include <string>

#include "graft/match/module_info.h"

namespace graft {

// Every name is a linear layer of unknown shape (in and out are 0), in the
// order read; a name ending in lm_head, embed_out or output_layer is the
// output head, and a gate or router beside experts is a router. Layer and
// expert are the numbers in the path, as for a file. Empty lines are skipped, a
// carriage return at the end of a line is dropped, and a name given twice
// counts once, with a warning. Throws FileError for no name at all and for more
// than 64 parts in one.
Inventory read_name_list(std::istream& in, const std::string& source);

}  // namespace graft
