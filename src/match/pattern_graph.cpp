// Builds the automaton: a tree of shared beginnings, with joins where a choice
// has many branches and loops where an expression repeats.
#include "match/pattern_graph_internal.h"

#include <algorithm>

#include "match/digit_automaton_internal.h"

namespace graft {

using EdgeKind = PatternGraph::EdgeKind;
using Kind = PatternItem::Kind;

namespace {

// Beyond these the rest of a pattern, or a branch, is not shared.
constexpr std::size_t kMaxFrontier = 8;
constexpr int kMaxLookedAt = 128;
constexpr std::size_t kMaxStates = std::size_t{1} << 24;

// The index of `value`, which is added unless it is among the last ones.
template <typename Value>
std::uint32_t index_of(const Value& value, std::vector<Value>& values) {
  const std::size_t from =
      values.size() - std::min<std::size_t>(values.size(), kMaxLookedAt);
  const auto known = std::find(
      values.begin() + static_cast<std::ptrdiff_t>(from), values.end(), value);
  const auto index = static_cast<std::uint32_t>(known - values.begin());
  if (known == values.end()) values.push_back(value);
  return index;
}

}  // namespace

bool PointClass::holds(char32_t point) const {
  if (valid_only && point > 0x10FFFF) return false;
  for (const auto& [first, last] : ranges) {
    if (first <= point && point <= last) return !negated;
  }
  return negated;
}

// Adds one pattern: the states in which the text read so far may end move on
// item by item.
class PatternInsertion {
 public:
  PatternInsertion(PatternGraph& graph, const PatternTree& tree)
      : graph_(graph), tree_(tree) {}

  using States = std::vector<std::uint32_t>;

  // Ends at a bracket that this call did not open, or at the end.
  States insert(States from) {
    while (at_ < tree_.items.size() && !too_large_) {
      const PatternItem item = tree_.items[at_];
      if (is_closing(item.kind)) break;
      ++at_;
      if (item.kind == Kind::kOpen) {
        from = insert_choice(from);
      } else if (item.kind == Kind::kLoop) {
        from = insert_loop(from, item.value);
      } else {
        for (std::uint32_t& state : from) state = step(state, item);
      }
      if (from.size() > kMaxFrontier) from = {join(from)};
      too_large_ = graph_.states_.size() > kMaxStates;
    }
    return from;
  }

  bool too_large() const { return too_large_; }

 private:
  static bool is_closing(Kind kind) {
    return kind == Kind::kOr || kind == Kind::kClose || kind == Kind::kLoopEnd;
  }

  std::uint32_t step(std::uint32_t from, PatternItem item) {
    switch (item.kind) {
      case Kind::kAny:
        return graph_.follow(from, EdgeKind::kAny, 0);
      case Kind::kDot:
        return graph_.follow(from, EdgeKind::kDot, 0);
      case Kind::kClass:
        return graph_.follow(from, EdgeKind::kClass,
                             graph_.class_index(tree_.classes[item.value]));
      case Kind::kText:
        return follow_star(from, EdgeKind::kText);
      case Kind::kLine:
        return follow_star(from, EdgeKind::kLine);
      case Kind::kNumber:
        return graph_.follow_number(from, tree_.numbers[item.value]);
      default:
        return graph_.follow(from, EdgeKind::kPoint, item.value);
    }
  }

  // Two stars in a row are one.
  std::uint32_t follow_star(std::uint32_t from, EdgeKind kind) {
    const PatternGraph::State& state = graph_.states_[from];
    const bool same = state.star != PatternGraph::kNone &&
                      state.star_of_line == (kind == EdgeKind::kLine);
    return same ? from : graph_.follow(from, kind, 0);
  }

  std::uint32_t join(const States& states) {
    const std::uint32_t joined = graph_.add_state();
    for (const std::uint32_t state : states) {
      graph_.add_edge(state, EdgeKind::kEmpty, 0, joined);
    }
    return joined;
  }

  States insert_choice(const States& from) {
    States all;
    do {
      States branch = insert(from);
      all.insert(all.end(), branch.begin(), branch.end());
      std::sort(all.begin(), all.end());
      all.erase(std::unique(all.begin(), all.end()), all.end());
    } while (!too_large_ && tree_.items[at_++].kind == Kind::kOr);
    return all;
  }

  // `at_least` is 0 or 1; once and then as often as may be for 1.
  States insert_loop(const States& from, std::uint32_t at_least) {
    const std::size_t body = at_;
    States first = from;
    if (at_least > 0) first = insert(from);
    const std::uint32_t loop = join(first);
    at_ = body;
    for (const std::uint32_t state : insert({loop})) {
      if (state != loop) graph_.add_edge(state, EdgeKind::kEmpty, 0, loop);
    }
    ++at_;
    return {loop};
  }

  PatternGraph& graph_;
  const PatternTree& tree_;
  std::size_t at_ = 0;
  bool too_large_ = false;
};

bool PatternGraph::add(const PatternTree& tree, std::uint32_t pattern,
                       End end) {
  PatternInsertion insertion(*this, tree);
  const std::vector<std::uint32_t> ends = insertion.insert({kRoot});
  if (insertion.too_large()) return false;
  for (const std::uint32_t state : ends) {
    // The first pattern stays in front.
    std::uint32_t* place = &states_[state].accepts;
    const auto added = static_cast<std::uint32_t>(accepts_.size());
    if (*place == kNone) {
      *place = added;
      accepts_.push_back({pattern, end, kNone});
    } else {
      const std::uint32_t second = accepts_[*place].next;
      accepts_[*place].next = added;
      accepts_.push_back({pattern, end, second});
    }
  }
  return true;
}

void PatternGraph::reserve(std::size_t text) {
  states_.reserve(states_.size() + text);
  edges_.reserve(edges_.size() + text);
}

std::uint32_t PatternGraph::add_state() {
  states_.emplace_back();
  return static_cast<std::uint32_t>(states_.size() - 1);
}

void PatternGraph::add_edge(std::uint32_t from, EdgeKind kind,
                            std::uint32_t value, std::uint32_t target) {
  edges_.push_back({kind, value, target, states_[from].edges});
  states_[from].edges = static_cast<std::uint32_t>(edges_.size() - 1);
}

std::uint32_t PatternGraph::follow(std::uint32_t from, EdgeKind kind,
                                   std::uint32_t value) {
  int looked_at = 0;
  for (std::uint32_t at = states_[from].edges;
       at != kNone && looked_at < kMaxLookedAt; ++looked_at) {
    const Edge& edge = edges_[at];
    if (edge.kind == kind && edge.value == value) return edge.target;
    at = edge.next;
  }
  const std::uint32_t target = add_state();
  if (kind == EdgeKind::kText || kind == EdgeKind::kLine) {
    states_[target].star = static_cast<std::uint32_t>(stars_.size());
    states_[target].star_of_line = kind == EdgeKind::kLine;
    stars_.push_back(target);
  }
  add_edge(from, kind, value, target);
  return target;
}

std::uint32_t PatternGraph::follow_number(std::uint32_t from,
                                          const NumberRange& range) {
  const std::uint32_t index = index_of(range, numbers_);
  const std::size_t before = states_.size();
  const std::uint32_t start = follow(from, EdgeKind::kNumber, index);
  if (states_.size() == before) {
    const auto end =
        std::lower_bound(number_ends_.begin(), number_ends_.end(),
                         std::pair<std::uint32_t, std::uint32_t>(start, 0));
    return end->second;
  }
  const std::uint32_t end = add_state();
  const DigitAutomaton digits(range);
  std::vector<std::uint32_t> states{start};
  while (states.size() < digits.size()) states.push_back(add_state());
  for (std::size_t i = 0; i < digits.size(); ++i) {
    for (const DigitAutomaton::Move& move : digits.moves(i)) {
      add_edge(states[i], EdgeKind::kDigits,
               static_cast<std::uint32_t>(move.first * 16 + move.last),
               states[move.target]);
    }
    if (digits.is_end(i)) add_edge(states[i], EdgeKind::kGuard, 0, end);
  }
  number_ends_.emplace_back(start, end);
  return end;
}

std::uint32_t PatternGraph::class_index(const PointClass& points) {
  return index_of(points, classes_);
}

}  // namespace graft
