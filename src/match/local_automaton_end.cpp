// What a row says when the name ends there, and what a star can still lead to.
#include <algorithm>

#include "match/local_automaton_internal.h"

namespace graft {

using EdgeKind = PatternGraph::EdgeKind;

std::uint32_t LocalAutomaton::only_next(std::uint32_t star) {
  // kUnknown is no star: there are as many states as that at most.
  constexpr std::uint32_t kUnknown = kNone - 1;
  if (only_next_.empty()) only_next_.resize(graph_.stars().size(), kUnknown);
  if (only_next_[star] == kUnknown) only_next_[star] = find_only_next(star);
  return only_next_[star];
}

std::uint32_t LocalAutomaton::find_only_next(std::uint32_t star) {
  constexpr std::size_t kMaxLookedAt = 64;
  std::vector<std::uint32_t> open{graph_.stars()[star]};
  std::uint32_t next = kNone;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const PatternGraph::State& row = graph_.states()[open[i]];
    if (row.accepts != kNone || open.size() > kMaxLookedAt) return kNone;
    for (std::uint32_t at = row.edges; at != kNone;) {
      const std::uint32_t target = graph_.edges()[at].target;
      const std::uint32_t reached = graph_.states()[target].star;
      if (reached == kNone) {
        open.push_back(target);
      } else if (reached != star) {
        if (next != kNone && next != reached) return kNone;
        next = reached;
      }
      at = graph_.edges()[at].next;
    }
  }
  return next;
}

// The states where patterns end when the name ends: those of the row, and what
// stands behind the end of a number.
void LocalAutomaton::find_accepting(const Row& row) {
  const auto begin = members_.begin() + row.begin;
  accepting_.assign(begin, begin + row.size);
  next_mark();
  const auto add_behind = [&](std::uint32_t state, bool guards) {
    std::uint32_t at = graph_.states()[state].edges;
    for (; at != kNone; at = graph_.edges()[at].next) {
      const Edge& edge = graph_.edges()[at];
      const bool wanted =
          guards ? edge.kind == EdgeKind::kGuard : PatternGraph::is_free(edge);
      if (!wanted || marks_[edge.target].added == mark_) continue;
      marks_[edge.target].added = mark_;
      accepting_.push_back(edge.target);
    }
  };
  for (std::size_t i = 0; i < row.size; ++i) add_behind(accepting_[i], true);
  for (std::size_t i = row.size; i < accepting_.size(); ++i) {
    add_behind(accepting_[i], false);
  }
}

std::uint32_t LocalAutomaton::lowest_accept() {
  const bool none = std::none_of(
      set_.begin(), set_.end(),
      [this](std::uint32_t state) { return facts_[state].may_end; });
  if (none) return kNone;
  find_accepting(rows_.back());
  std::uint32_t lowest = kNone;
  for (const std::uint32_t state : accepting_) {
    const std::uint32_t first = graph_.states()[state].accepts;
    if (first == kNone) continue;
    lowest = std::min(lowest, graph_.accepts()[first].pattern);
  }
  return lowest;
}

void LocalAutomaton::add_accepts(std::uint32_t row,
                                 std::vector<std::size_t>& hits) {
  if (first_accept(row) == kNone) return;
  find_accepting(rows_[row / stride_]);
  for (const std::uint32_t state : accepting_) {
    std::uint32_t at = graph_.states()[state].accepts;
    for (; at != kNone; at = graph_.accepts()[at].next) {
      hits.push_back(graph_.accepts()[at].pattern);
    }
  }
}

std::uint32_t LocalAutomaton::first_accept_of_star(std::uint32_t star) const {
  const std::uint32_t first = graph_.states()[graph_.stars()[star]].accepts;
  return first == kNone ? kNone : graph_.accepts()[first].pattern;
}

void LocalAutomaton::add_accepts_of_state(
    std::uint32_t state, std::vector<std::size_t>& hits) const {
  std::uint32_t at = graph_.states()[state].accepts;
  for (; at != kNone; at = graph_.accepts()[at].next) {
    hits.push_back(graph_.accepts()[at].pattern);
  }
}

}  // namespace graft
