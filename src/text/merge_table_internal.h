// The merges of a byte-pair model: pair of ids -> rank and merged id. Entry
// point: MergeTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace graft::text {

struct Merge {
  std::uint32_t rank = 0;
  std::uint32_t id = 0;  // of the merged token
};

// A flat hash table, at most half full.
class MergeTable {
 public:
  // Room for `count` merges.
  explicit MergeTable(std::size_t count);

  struct Entry {
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    Merge merge;
  };

  // A pair that is there already gets the new merge. At most `count` pairs.
  void set(std::span<const Entry> entries);
  // Starts to fetch the place of a pair that is set later: a table of many
  // merges does not fit into the caches.
  void prefetch(std::uint32_t left, std::uint32_t right) const;
  // nullptr when the pair does not merge.
  const Merge* find(std::uint32_t left, std::uint32_t right) const;

 private:
  struct Slot {
    std::uint64_t key = kFree;
    Merge merge;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  std::size_t first_slot(std::uint64_t key) const;
  std::size_t slot_of(std::uint64_t key) const;

  std::vector<Slot> slots_;
  int shift_;
};

}  // namespace graft::text
