// What becomes of the matches of a pattern: cut out, removed, or joined to a
// neighbour. Entry points: partition, arrange.
#pragma once

#include <cstddef>
#include <vector>

#include "text/regex_internal.h"

namespace graft::text {

enum class SplitBehavior {
  kRemoved,
  kIsolated,
  kMergedWithPrevious,
  kMergedWithNext,
  kContiguous
};

// A stretch of the text that is, or is not, a match.
struct Stretch {
  ByteRange range;
  bool is_match = false;
};

// Matches and what lies between them, over [0, size).
std::vector<Stretch> partition(const std::vector<ByteRange>& matches,
                               std::size_t size);

// The pieces that remain, empty ones left out. kMergedWithPrevious and
// kMergedWithNext join the first match of a run only, as the reference does.
std::vector<ByteRange> arrange(const std::vector<Stretch>& stretches,
                               SplitBehavior behavior);

}  // namespace graft::text
