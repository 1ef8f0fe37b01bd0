// Multiplicative hashing with linear probing.
#include "text/merge_table_internal.h"

#include <bit>

namespace graft::text {
namespace {

std::uint64_t key_of(std::uint32_t left, std::uint32_t right) {
  return (std::uint64_t{left} << 32) | right;
}

}  // namespace

MergeTable::MergeTable(std::size_t count)
    : slots_(std::bit_ceil(2 * count + 2)),
      shift_(64 - std::countr_zero(slots_.size())) {}

std::size_t MergeTable::first_slot(std::uint64_t key) const {
  return (key * 0x9E3779B97F4A7C15u) >> shift_;
}

std::size_t MergeTable::slot_of(std::uint64_t key) const {
  std::size_t at = first_slot(key);
  while (slots_[at].key != key && slots_[at].key != kFree) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

void MergeTable::prefetch(std::uint32_t left, std::uint32_t right) const {
  __builtin_prefetch(&slots_[first_slot(key_of(left, right))]);
}

void MergeTable::set(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    const std::uint64_t key = key_of(entry.left, entry.right);
    slots_[slot_of(key)] = {key, entry.merge};
  }
}

const Merge* MergeTable::find(std::uint32_t left, std::uint32_t right) const {
  const Slot& slot = slots_[slot_of(key_of(left, right))];
  return slot.key == kFree ? nullptr : &slot.merge;
}

}  // namespace graft::text
