// Finds many fixed strings at once: the leftmost match, the longest there.
// Entry point: LiteralMatcher.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/regex_internal.h"

namespace graft::text {

struct LiteralMatch {
  ByteRange range;
  std::size_t literal = 0;  // index in order of add
};

// A trie over bytes.
class LiteralMatcher {
 public:
  // The first of two equal literals wins; an empty one matches nothing.
  void add(std::string_view literal);
  // The first match at or after `from`.
  std::optional<LiteralMatch> find(std::string_view text,
                                   std::size_t from) const;

 private:
  using Node = std::uint32_t;
  std::optional<Node> child(Node node, char byte) const;
  std::optional<LiteralMatch> match_at(std::string_view text,
                                       std::size_t at) const;

  std::unordered_map<std::uint64_t, Node> edges_;  // (node, byte) -> node
  std::vector<std::optional<std::size_t>> literal_of_node_ = {std::nullopt};
  std::array<bool, 256> is_first_byte_{};
  std::size_t count_ = 0;
};

}  // namespace graft::text
