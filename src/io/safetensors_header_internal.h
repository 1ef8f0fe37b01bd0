// The header of a safetensors file in the one form that the libraries write,
// read in one pass. Entry point: read_plain_header.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graft/io/safetensors.h"

namespace graft {

// True when `text` is an object of
//   "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
// and "__metadata__": {"key": "text"}, of printable ASCII without a backslash.
// Its entries are appended in the text's order, sizes and repeated names
// unchecked. False for anything else, right or wrong; both lists are of no use
// then, and the strict reader has to say what is there.
bool read_plain_header(std::string_view text, std::vector<TensorEntry>& entries,
                       std::map<std::string, std::string>& metadata);

}  // namespace graft
