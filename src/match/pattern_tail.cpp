// Tails are found from the leaves of the tree backwards.
#include "match/pattern_tail_internal.h"

#include <cstring>

namespace graft {
namespace {

using Edge = PatternGraph::Edge;
using EdgeKind = PatternGraph::EdgeKind;
constexpr std::uint32_t kNone = PatternGraph::kNone;

constexpr std::uint32_t kUnknown = UINT32_MAX;
constexpr std::uint32_t kNoText = UINT32_MAX - 1;

// Asked one by one, so only a few for each star.
constexpr std::size_t kMaxSuffixes = 2;

bool takes_character(const Edge& edge) {
  return edge.kind <= EdgeKind::kDigits;
}

bool takes_any(const Edge& edge) {
  return edge.kind == EdgeKind::kAny || edge.kind == EdgeKind::kDot;
}

}  // namespace

PatternTails::PatternTails(const PatternGraph& graph) : graph_(graph) {
  tails_.resize(graph.states().size());
  for (std::size_t state = tails_.size(); state-- > 0;) {
    find_tail(static_cast<std::uint32_t>(state));
  }
  is_suffix_.resize(graph.edges().size(), false);
  suffixes_.resize(graph.stars().size());
  for (std::uint32_t star = 0; star < suffixes_.size(); ++star) {
    find_suffixes(star);
  }
}

void PatternTails::find_tail(std::uint32_t state) {
  const PatternGraph::State& row = graph_.states()[state];
  const bool one_way = row.accepts == kNone && row.star == kNone &&
                       row.edges != kNone &&
                       graph_.edges()[row.edges].next == kNone;
  if (!one_way) return;
  const Edge& edge = graph_.edges()[row.edges];
  // Loops lead back; all else was made after its beginning.
  if (edge.target <= state) return;
  const Tail& rest = tails_[edge.target];
  const PatternGraph::State& next = graph_.states()[edge.target];
  const bool leaf =
      next.accepts != kNone && next.edges == kNone && next.star == kNone;
  if (edge.kind == EdgeKind::kEmpty) {
    tails_[state] = rest;
  } else if (takes_character(edge) && (leaf || rest.length > 0)) {
    tails_[state] = {rest.length + 1, leaf ? edge.target : rest.end};
  }
}

void PatternTails::find_suffixes(std::uint32_t star) {
  std::vector<std::uint32_t> of_any;
  std::vector<std::uint32_t> of_some;
  std::uint32_t at = graph_.states()[graph_.stars()[star]].edges;
  for (; at != kNone; at = graph_.edges()[at].next) {
    const Edge& edge = graph_.edges()[at];
    if (!takes_character(edge) || !is_long(edge.target)) continue;
    (takes_any(edge) ? of_any : of_some).push_back(at);
  }
  if (of_some.size() <= kMaxSuffixes) {
    of_any.insert(of_any.end(), of_some.begin(), of_some.end());
  }
  for (const std::uint32_t edge : of_any) is_suffix_[edge] = true;
  suffixes_[star] = std::move(of_any);
}

bool PatternTails::matches(std::uint32_t state, std::string_view rest) {
  if (tails_[state].text == kUnknown) keep_text(state);
  const std::uint32_t text = tails_[state].text;
  if (text == kNoText) return matches_slowly(state, rest);
  return std::memcmp(texts_.data() + text, rest.data(), rest.size()) == 0;
}

// One made of classes and the like has none.
void PatternTails::keep_text(std::uint32_t state) {
  Tail& tail = tails_[state];
  tail.text = kNoText;
  const std::size_t begin = texts_.size();
  if (begin + tail.length >= kNoText) return;
  for (std::uint32_t at = state; at != tail.end;) {
    const Edge& edge = graph_.edges()[graph_.states()[at].edges];
    const bool is_text = edge.kind == EdgeKind::kPoint && edge.value < 128;
    if (!is_text && edge.kind != EdgeKind::kEmpty) {
      texts_.resize(begin);
      return;
    }
    if (is_text) texts_ += static_cast<char>(edge.value);
    at = edge.target;
  }
  tail.text = static_cast<std::uint32_t>(begin);
}

bool PatternTails::matches_slowly(std::uint32_t state,
                                  std::string_view rest) const {
  for (std::size_t at = 0; at < rest.size();) {
    const Edge& edge = graph_.edges()[graph_.states()[state].edges];
    if (takes_character(edge)) {
      if (!graph_.takes(edge, static_cast<unsigned char>(rest[at]))) {
        return false;
      }
      ++at;
    }
    state = edge.target;
  }
  return true;
}

}  // namespace graft
