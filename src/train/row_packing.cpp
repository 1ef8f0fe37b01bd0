// First-fit decreasing over the rows of one step. Entry point: pack_rows.
#include <algorithm>
#include <utility>

#include "train/row_packing_internal.h"

namespace graft::training {

std::vector<std::vector<std::int64_t>> pack_rows(
    std::vector<std::int64_t> rows,
    const std::function<std::int64_t(std::int64_t row)>& length,
    std::int64_t capacity) {
  std::ranges::stable_sort(rows, std::greater<>(), length);
  std::vector<std::vector<std::int64_t>> packs;
  std::vector<std::int64_t> room;
  // No pack before this one has room for a row as long as the last.
  std::size_t first = 0;
  std::int64_t last = -1;
  for (const std::int64_t row : rows) {
    const std::int64_t needed = length(row);
    if (needed != last) first = 0;
    last = needed;
    while (first < packs.size() && room[first] < needed) ++first;
    if (first == packs.size()) {
      packs.emplace_back();
      room.push_back(capacity);
    }
    packs[first].push_back(row);
    room[first] -= needed;
  }
  return packs;
}

}  // namespace graft::training
