// The behaviours of the reference's Split, each as one pass.
#include "text/piece_split_internal.h"

#include <algorithm>

namespace graft::text {
namespace {

// Joins a stretch to the one before it where `joins(is_match, previous)`.
template <typename Joins>
std::vector<ByteRange> join(const std::vector<Stretch>& stretches,
                            const Joins& joins) {
  std::vector<ByteRange> out;
  bool previous = false;
  for (const Stretch& stretch : stretches) {
    if (!out.empty() && joins(stretch.is_match, previous)) {
      out.back().end = stretch.range.end;
    } else {
      out.push_back(stretch.range);
    }
    previous = stretch.is_match;
  }
  return out;
}

bool is_first_match(bool is_match, bool previous) {
  return is_match && !previous;
}

std::vector<ByteRange> join_with_next(const std::vector<Stretch>& stretches) {
  std::vector<ByteRange> out;
  bool previous = false;
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend();
       ++stretch) {
    if (!out.empty() && is_first_match(stretch->is_match, previous)) {
      out.back().begin = stretch->range.begin;
    } else {
      out.push_back(stretch->range);
    }
    previous = stretch->is_match;
  }
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<ByteRange> keep(const std::vector<Stretch>& stretches,
                            bool keeps_matches) {
  std::vector<ByteRange> out;
  for (const Stretch& stretch : stretches) {
    if (keeps_matches || !stretch.is_match) out.push_back(stretch.range);
  }
  return out;
}

std::vector<ByteRange> arrange_all(const std::vector<Stretch>& stretches,
                                   SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return keep(stretches, false);
    case SplitBehavior::kIsolated:
      return keep(stretches, true);
    case SplitBehavior::kMergedWithPrevious:
      return join(stretches, is_first_match);
    case SplitBehavior::kMergedWithNext:
      return join_with_next(stretches);
    case SplitBehavior::kContiguous:
      return join(stretches, [](bool a, bool b) { return a == b; });
  }
  return {};
}

}  // namespace

std::vector<Stretch> partition(const std::vector<ByteRange>& matches,
                               std::size_t size) {
  std::vector<Stretch> out;
  std::size_t end = 0;
  for (const ByteRange& match : matches) {
    if (end != match.begin) out.push_back({{end, match.begin}, false});
    out.push_back({match, true});
    end = match.end;
  }
  if (end != size) out.push_back({{end, size}, false});
  return out;
}

std::vector<ByteRange> arrange(const std::vector<Stretch>& stretches,
                               SplitBehavior behavior) {
  std::vector<ByteRange> out = arrange_all(stretches, behavior);
  std::erase_if(out, [](const ByteRange& r) { return r.begin == r.end; });
  return out;
}

}  // namespace graft::text
