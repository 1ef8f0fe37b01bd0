// Texts and the indices of the entries that are that text. Entry point:
// LiteralTable.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

class LiteralTable {
 public:
  static constexpr std::size_t kNoHit = SIZE_MAX;

  // Indices in ascending order.
  void add(std::string_view text, std::size_t index);
  bool empty() const { return rows_.empty(); }

  // The lowest index of an entry that is `text`, or kNoHit.
  std::size_t first(std::string_view text) const;
  // Appends all of them.
  void collect(std::string_view text, std::vector<std::size_t>& hits) const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Row {
    std::size_t begin = 0;  // of the text, in texts_
    std::size_t size = 0;
    std::uint64_t hash = 0;
    std::size_t index = 0;
    std::uint32_t same = kNone;  // the next entry with this text
    std::uint32_t last = kNone;  // of the first: the last with this text
  };

  // Most last names differ from all entries in length or first byte.
  bool is_foreign(std::string_view text) const {
    const auto first = text.empty() ? 0 : static_cast<unsigned char>(text[0]);
    return text.size() < shortest_ || text.size() > longest_ ||
           !beginnings_[first];
  }
  // The first row of the text, or kNone.
  std::uint32_t find(std::string_view text, std::uint64_t hash) const;
  std::string_view text_of(const Row& row) const {
    return std::string_view(texts_).substr(row.begin, row.size);
  }
  void place(std::uint32_t number);

  std::string texts_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> firsts_;  // rows of texts not seen before
  std::vector<std::uint32_t> slots_;   // those, by their hash
  std::bitset<256> beginnings_;  // first bytes of texts, NUL for an empty one
  std::size_t shortest_ = SIZE_MAX;
  std::size_t longest_ = 0;
};

}  // namespace graft
