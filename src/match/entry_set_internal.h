// The entries of one list (targets or excludes) compiled for glob or megatron
// syntax: literal entries in a hash table, all patterns as one automaton. Entry
// point: EntrySet. Const and thread-safe once built.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graft/match/rule.h"
#include "match/literal_table_internal.h"
#include "match/pattern_set_internal.h"

namespace graft {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
// Text -> indices of the entries that are that text.
using EntryIndex = std::unordered_map<std::string, std::vector<std::size_t>,
                                      TextHash, std::equal_to<>>;

// "all-linear" in any case.
bool is_all_linear(std::string_view entry);

// The entry holds no special character of `syntax`.
bool is_literal_entry(std::string_view entry, PatternSyntax syntax);

class EntrySet {
 public:
  static constexpr std::size_t kNoHit = SIZE_MAX;

  // Appends the message of every malformed entry to `problems`.
  EntrySet(const std::vector<std::string>& entries, PatternSyntax syntax,
           std::vector<std::string>& problems);

  // Adds the entries that equal `last` or match `full` to `hits`, unsorted,
  // maybe twice. Entries "all-linear" are not looked at.
  void collect(std::string_view last, std::string_view full,
               std::vector<std::size_t>& hits) const;
  // The lowest of them, or kNoHit.
  std::size_t first_hit(std::string_view last, std::string_view full) const;

  const std::vector<std::size_t>& all_linear() const { return all_linear_; }
  bool empty() const { return by_text_.empty() && all_linear_.empty(); }

 private:
  PatternSyntax syntax_;
  LiteralTable by_text_;   // every entry, against last components
  LiteralTable literals_;  // those that match only themselves
  PatternSet patterns_;
  std::vector<std::size_t> all_linear_;
};

// Sorted, each once.
void sort_unique(std::vector<std::size_t>& indices);

}  // namespace graft
