// Open addressing with linear probing, at most half full.
#include <functional>

#include "text/token_table_internal.h"

namespace graft::text {
namespace {

std::uint32_t hash_of(std::string_view token) {
  const std::uint64_t hash = std::hash<std::string_view>{}(token);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

constexpr std::size_t kFirstSlots = 1024;

}  // namespace

std::string_view TokenTable::text(const Entry& entry) const {
  return std::string_view(arena_).substr(entry.begin, entry.length);
}

// The slot of `token`, or the free one where it would go.
std::size_t TokenTable::slot_of(std::string_view token,
                                std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].entry != 0) {
    if (slots_[at].hash == hash &&
        text(entries_[slots_[at].entry - 1]) == token) {
      return at;
    }
    at = (at + 1) & mask;
  }
  return at;
}

void TokenTable::grow() {
  std::vector<Slot> old(slots_.empty() ? kFirstSlots : slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.entry == 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].entry != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

TokenTable::AddResult TokenTable::add(std::string_view token,
                                      std::uint32_t id) {
  if (entries_.size() * 2 >= slots_.size()) grow();
  const std::uint32_t hash = hash_of(token);
  const std::size_t slot = slot_of(token, hash);
  if (slots_[slot].entry != 0) return AddResult::kDuplicateToken;
  if (id < entry_of_id_.size() && entry_of_id_[id] != 0) {
    return AddResult::kDuplicateId;
  }
  if (id >= entry_of_id_.size()) entry_of_id_.resize(id + 1, 0);
  entries_.push_back(
      {arena_.size(), static_cast<std::uint32_t>(token.size()), id});
  arena_ += token;
  const auto entry = static_cast<std::uint32_t>(entries_.size());
  slots_[slot] = {hash, entry};
  entry_of_id_[id] = entry;
  return AddResult::kAdded;
}

std::optional<std::uint32_t> TokenTable::find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const Slot& slot = slots_[slot_of(token, hash_of(token))];
  if (slot.entry == 0) return std::nullopt;
  return entries_[slot.entry - 1].id;
}

std::optional<std::string_view> TokenTable::token(std::uint64_t id) const {
  if (id >= entry_of_id_.size() || entry_of_id_[id] == 0) return std::nullopt;
  return text(entries_[entry_of_id_[id] - 1]);
}

}  // namespace graft::text
