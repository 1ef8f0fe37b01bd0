// The vocabulary: strings with ids, both ways, in one arena and one flat hash
// table, because 128k entries have to load in milliseconds. Entry point:
// TokenTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft::text {

// Beyond it a file is damaged, not large: tables by id stay small.
constexpr std::uint64_t kMaxTokenId = (1u << 24) - 1;

class TokenTable {
 public:
  enum class AddResult { kAdded, kDuplicateToken, kDuplicateId };

  // `id` <= kMaxTokenId. Nothing changes unless kAdded is returned.
  AddResult add(std::string_view token, std::uint32_t id);

  std::optional<std::uint32_t> find(std::string_view token) const;
  // nullopt when no token has this id.
  std::optional<std::string_view> token(std::uint64_t id) const;

  std::size_t size() const { return entries_.size(); }
  // Largest id + 1; 0 when empty.
  std::size_t id_end() const { return entry_of_id_.size(); }

 private:
  struct Entry {
    std::size_t begin = 0;
    std::uint32_t length = 0;
    std::uint32_t id = 0;
  };
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t entry = 0;  // index + 1; 0: free
  };

  std::string_view text(const Entry& entry) const;
  std::size_t slot_of(std::string_view token, std::uint32_t hash) const;
  void grow();

  std::string arena_;
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> entry_of_id_;  // index + 1; 0: no token
};

}  // namespace graft::text
