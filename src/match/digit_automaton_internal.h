// The decimal numbers of a range as an automaton over digits; leading zeros do
// not count. Entry point: DigitAutomaton.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "match/pattern_tree_internal.h"

namespace graft {

class DigitAutomaton {
 public:
  struct Move {
    int first = 0;  // digits, both included
    int last = 0;
    std::size_t target = 0;
  };

  explicit DigitAutomaton(const NumberRange& range);

  // States; 0 is the start, before the first digit.
  std::size_t size() const { return moves_.size(); }
  const std::vector<Move>& moves(std::size_t state) const {
    return moves_[state];
  }
  // The digits read so far are a number of the range.
  bool is_end(std::size_t state) const { return ends_[state]; }

 private:
  // Digits read after the leading zeros, and how they compare with as many
  // digits of either bound (-1, 0, 1).
  struct Prefix {
    std::size_t length = 0;
    int to_low = 0;
    int to_high = 0;
    bool operator==(const Prefix&) const = default;
  };

  Prefix next(const Prefix& prefix, int digit) const;
  bool is_hopeless(const Prefix& prefix) const;
  bool is_in_range(const Prefix& prefix) const;
  std::size_t state_of(const Prefix& prefix);
  void add_moves(std::size_t state);

  std::string low_;   // digits, none for zero
  std::string high_;  // digits; empty and `endless_`: no bound
  bool endless_ = false;
  bool zero_fits_ = false;
  std::vector<Prefix> prefixes_;
  std::vector<std::vector<Move>> moves_;
  std::vector<bool> ends_;
};

}  // namespace graft
