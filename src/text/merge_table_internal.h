// The merges of a byte-pair model: pair of ids -> rank and merged id. Entry
// point: MergeTable.
#pragma once

#include <cstddef>
#include <cstdint>
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

  // A pair that is there already gets the new merge. At most `count` pairs.
  void set(std::uint32_t left, std::uint32_t right, Merge merge);
  // nullptr when the pair does not merge.
  const Merge* find(std::uint32_t left, std::uint32_t right) const;

 private:
  struct Slot {
    std::uint64_t key = kFree;
    Merge merge;
  };
  static constexpr std::uint64_t kFree = ~std::uint64_t{0};

  std::size_t slot_of(std::uint64_t key) const;

  std::vector<Slot> slots_;
  int shift_;
};

}  // namespace graft::text
