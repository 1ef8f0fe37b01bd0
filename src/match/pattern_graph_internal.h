// All patterns of a list as one nondeterministic automaton over code points.
// Patterns share their beginnings, so what is active at a time stays small
// however many there are. Entry point: PatternGraph::add. Immutable once built.
// PatternSimulation reads any name with it, PatternScanner ordinary ones fast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "match/pattern_tree_internal.h"

namespace graft {

class PatternGraph {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint32_t kRoot = 0;

  // The end of a pattern: where its text ends, and for a regular expression of
  // the reference also before one final newline.
  enum class End { kText, kLine };

  enum class EdgeKind : std::uint8_t {
    kPoint,   // value: the code point
    kAny,     // one character, or one byte that is not UTF-8
    kDot,     // one code point but a newline
    kClass,   // value: index into classes()
    kDigits,  // value: first digit * 16 + last digit
    // The rest take no character.
    kEmpty,
    kText,    // to a state that any character leaves where it is
    kLine,    // to a state that any code point but a newline leaves there
    kNumber,  // value: index of the range; not after a digit
    kGuard,   // not before a digit
  };
  struct Edge {
    EdgeKind kind = EdgeKind::kEmpty;
    std::uint32_t value = 0;
    std::uint32_t target = kNone;
    std::uint32_t next = kNone;  // of the same state
  };
  struct State {
    std::uint32_t edges = kNone;
    std::uint32_t accepts = kNone;
    // Index among the states with a loop on itself; kNone for the others.
    std::uint32_t star = kNone;
    bool star_of_line = false;  // its loop does not take newlines
  };
  struct Accept {
    std::uint32_t pattern = 0;
    End end = End::kText;
    std::uint32_t next = kNone;
  };

  PatternGraph() { add_state(); }

  // Room for patterns of `text` characters in all.
  void reserve(std::size_t text);
  // Patterns are added in ascending order of `pattern`. False, with nothing
  // added that accepts, when the automaton would become too large.
  bool add(const PatternTree& tree, std::uint32_t pattern, End end);
  bool empty() const { return accepts_.empty(); }

  const std::vector<State>& states() const { return states_; }
  const std::vector<Edge>& edges() const { return edges_; }
  const std::vector<Accept>& accepts() const { return accepts_; }
  // The states with a loop, by their index.
  const std::vector<std::uint32_t>& stars() const { return stars_; }
  const std::vector<PointClass>& classes() const { return classes_; }

  // Followed without a character, wherever it stands.
  static bool is_free(const Edge& edge) {
    return edge.kind == EdgeKind::kEmpty || edge.kind == EdgeKind::kText ||
           edge.kind == EdgeKind::kLine;
  }
  // `point`, which may be a byte that is not UTF-8, along an edge that takes a
  // character.
  bool takes(const Edge& edge, char32_t point) const {
    switch (edge.kind) {
      case EdgeKind::kPoint:
        return point == edge.value;
      case EdgeKind::kAny:
        return true;
      case EdgeKind::kDot:
        return point != U'\n' && point <= 0x10FFFF;
      case EdgeKind::kClass:
        return classes_[edge.value].holds(point);
      case EdgeKind::kDigits:
        return point >= U'0' + (edge.value >> 4) &&
               point <= U'0' + (edge.value & 15);
      default:
        return false;
    }
  }

 private:
  friend class PatternInsertion;

  std::uint32_t add_state();
  void add_edge(std::uint32_t from, EdgeKind kind, std::uint32_t value,
                std::uint32_t target);
  // The target of the edge, which is made when there is none.
  std::uint32_t follow(std::uint32_t from, EdgeKind kind, std::uint32_t value);
  std::uint32_t follow_number(std::uint32_t from, const NumberRange& range);
  std::uint32_t class_index(const PointClass& points);

  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<Accept> accepts_;
  std::vector<std::uint32_t> stars_;
  std::vector<PointClass> classes_;
  std::vector<NumberRange> numbers_;
  // Where a number's end leads, by the state that its edge leads to.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> number_ends_;
};

}  // namespace graft
