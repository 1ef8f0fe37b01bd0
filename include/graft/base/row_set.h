// Which rows of a linear layer's output an adapter acts on. Rows are ordered
// [q | k | v] and [gate | up] at run time, so a row set is one range. Entry
// point: RowSet.
#pragma once

#include <cstdint>

namespace graft {

// Rows [begin, end) of a weight of shape (out, in).
struct RowSet {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  constexpr std::int64_t size() const { return end - begin; }
  constexpr bool overlaps(const RowSet& other) const {
    return begin < other.end && other.begin < end;
  }
  constexpr bool contains(const RowSet& other) const {
    return begin <= other.begin && other.end <= end;
  }
  constexpr bool operator==(const RowSet&) const = default;
};

}  // namespace graft
