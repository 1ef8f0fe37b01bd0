// Tails are found from the leaves of the tree backwards.
#include "match/pattern_tail_internal.h"

namespace graft {
namespace {

using Edge = PatternGraph::Edge;
using EdgeKind = PatternGraph::EdgeKind;
constexpr std::uint32_t kNone = PatternGraph::kNone;

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

bool PatternTails::matches(std::uint32_t state, std::string_view rest) const {
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
