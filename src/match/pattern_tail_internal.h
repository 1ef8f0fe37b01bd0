// Ends of patterns that lead one way: text that either is the rest of the name
// or is not. They are compared when the name is read, so that no automaton
// needs states for them. Entry point: PatternTails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "match/pattern_graph_internal.h"

namespace graft {

class PatternTails {
 public:
  // Shorter ones stay in the automata.
  static constexpr std::uint32_t kShortest = 3;

  // From `state`, exactly `length` characters to the end of a pattern.
  struct Tail {
    std::uint32_t length = 0;         // 0: there is no such one way
    std::uint32_t end = 0;            // the state where it ends
    std::uint32_t text = UINT32_MAX;  // where its text is kept, once asked for
  };

  explicit PatternTails(const PatternGraph& graph);

  const Tail& at(std::uint32_t state) const { return tails_[state]; }
  bool is_long(std::uint32_t state) const {
    return tails_[state].length >= kShortest;
  }
  // The lowest pattern that ends there.
  std::uint32_t pattern(const Tail& tail) const {
    return graph_.accepts()[graph_.states()[tail.end].accepts].pattern;
  }
  // `rest` is `length` bytes of ASCII. Not const: keeps the texts it was asked
  // for.
  bool matches(std::uint32_t state, std::string_view rest);

  // Edges of a star (by its index) that are followed by a tail: whether the
  // name ends with one is asked once, at its end.
  const std::vector<std::uint32_t>& suffixes(std::uint32_t star) const {
    return suffixes_[star];
  }
  bool is_suffix(std::uint32_t edge) const { return is_suffix_[edge]; }

 private:
  void find_tail(std::uint32_t state);
  void keep_text(std::uint32_t state);
  bool matches_slowly(std::uint32_t state, std::string_view rest) const;
  void find_suffixes(std::uint32_t star);

  const PatternGraph& graph_;
  std::vector<Tail> tails_;  // by state
  std::string texts_;
  std::vector<std::vector<std::uint32_t>> suffixes_;  // by star
  std::vector<bool> is_suffix_;                       // by edge
};

}  // namespace graft
