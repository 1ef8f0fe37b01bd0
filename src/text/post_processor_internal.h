// The special tokens put around the ids of a text. Entry points:
// read_post_processor, SpecialFrame; a new kind is one function and one row in
// the .cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "text/part_internal.h"

namespace graft::text {

// Every post-processor of one text comes to this: ids before and after it.
struct SpecialFrame {
  std::vector<std::int64_t> prefix;
  std::vector<std::int64_t> suffix;
};

// Throws FileError for a kind that is not supported.
SpecialFrame read_post_processor(const Part& part);

}  // namespace graft::text
