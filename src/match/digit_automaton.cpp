// Compares digit strings of growing length with both bounds.
#include "match/digit_automaton_internal.h"

#include <algorithm>

namespace graft {
namespace {

std::string digits_of(std::uint64_t value) {
  return value == 0 ? std::string() : std::to_string(value);
}

int compare_next(int before, const std::string& bound, std::size_t at,
                 int digit) {
  if (before != 0 || at >= bound.size()) return before == 0 ? 1 : before;
  const int other = bound[at] - '0';
  return digit < other ? -1 : digit > other ? 1 : 0;
}

}  // namespace

DigitAutomaton::DigitAutomaton(const NumberRange& range)
    : low_(digits_of(range.low)),
      high_(digits_of(range.high)),
      endless_(range.high == UINT64_MAX),
      zero_fits_(range.low == 0) {
  // State 0 has read nothing, state 1 only zeros.
  moves_.resize(2);
  ends_ = {false, zero_fits_};
  prefixes_.resize(2);
  for (std::size_t state = 0; state < moves_.size(); ++state) add_moves(state);
}

DigitAutomaton::Prefix DigitAutomaton::next(const Prefix& prefix,
                                            int digit) const {
  Prefix out;
  out.length = prefix.length + 1;
  out.to_low = compare_next(prefix.to_low, low_, prefix.length, digit);
  out.to_high =
      endless_ ? -1 : compare_next(prefix.to_high, high_, prefix.length, digit);
  // Longer than the lower bound is greater; more digits change nothing.
  if (out.length > low_.size()) {
    out.to_low = 1;
    if (endless_) out.length = low_.size() + 1;
  }
  return out;
}

bool DigitAutomaton::is_hopeless(const Prefix& prefix) const {
  if (endless_) return false;
  return prefix.length > high_.size() ||
         (prefix.length == high_.size() && prefix.to_high > 0);
}

bool DigitAutomaton::is_in_range(const Prefix& prefix) const {
  const bool above = prefix.length > low_.size() ||
                     (prefix.length == low_.size() && prefix.to_low >= 0);
  const bool below = endless_ || prefix.length < high_.size() ||
                     (prefix.length == high_.size() && prefix.to_high <= 0);
  return above && below;
}

std::size_t DigitAutomaton::state_of(const Prefix& prefix) {
  const auto known = std::find(prefixes_.begin() + 2, prefixes_.end(), prefix);
  const auto state = static_cast<std::size_t>(known - prefixes_.begin());
  if (known == prefixes_.end()) {
    prefixes_.push_back(prefix);
    moves_.emplace_back();
    ends_.push_back(is_in_range(prefix));
  }
  return state;
}

void DigitAutomaton::add_moves(std::size_t state) {
  std::vector<Move> moves;
  for (int digit = 0; digit <= 9; ++digit) {
    std::size_t target = 1;
    if (digit > 0 || state > 1) {
      const Prefix prefix = next(prefixes_[state], digit);
      if (is_hopeless(prefix)) continue;
      target = state_of(prefix);
    }
    const bool joins = !moves.empty() && moves.back().target == target &&
                       moves.back().last == digit - 1;
    if (joins) {
      moves.back().last = digit;
    } else {
      moves.push_back({digit, digit, target});
    }
  }
  moves_[state] = std::move(moves);
}

}  // namespace graft
