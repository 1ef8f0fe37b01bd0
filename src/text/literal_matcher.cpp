// Node 0 is the root.
#include "text/literal_matcher_internal.h"

namespace graft::text {
namespace {

std::uint64_t edge_key(std::uint32_t node, char byte) {
  return (std::uint64_t{node} << 8) | static_cast<unsigned char>(byte);
}

}  // namespace

void LiteralMatcher::add(std::string_view literal) {
  const std::size_t index = count_++;
  if (literal.empty()) return;
  is_first_byte_[static_cast<unsigned char>(literal[0])] = true;
  Node node = 0;
  for (const char byte : literal) {
    const auto next = static_cast<Node>(literal_of_node_.size());
    const auto [edge, is_new] = edges_.emplace(edge_key(node, byte), next);
    if (is_new) literal_of_node_.emplace_back();
    node = edge->second;
  }
  if (!literal_of_node_[node]) literal_of_node_[node] = index;
}

std::optional<LiteralMatcher::Node> LiteralMatcher::child(Node node,
                                                          char byte) const {
  const auto edge = edges_.find(edge_key(node, byte));
  if (edge == edges_.end()) return std::nullopt;
  return edge->second;
}

std::optional<LiteralMatch> LiteralMatcher::match_at(std::string_view text,
                                                     std::size_t at) const {
  std::optional<LiteralMatch> best;
  Node node = 0;
  for (std::size_t end = at; end < text.size(); ++end) {
    const auto next = child(node, text[end]);
    if (!next) break;
    node = *next;
    if (literal_of_node_[node]) {
      best = LiteralMatch{{at, end + 1}, *literal_of_node_[node]};
    }
  }
  return best;
}

std::optional<LiteralMatch> LiteralMatcher::find(std::string_view text,
                                                 std::size_t from) const {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (!is_first_byte_[static_cast<unsigned char>(text[at])]) continue;
    if (const auto match = match_at(text, at)) return match;
  }
  return std::nullopt;
}

}  // namespace graft::text
