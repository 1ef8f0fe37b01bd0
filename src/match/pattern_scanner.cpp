// The stars that a name has reached, each with its place in its automaton.
#include "match/pattern_scanner_internal.h"

#include <algorithm>
#include <cstring>

namespace graft {
namespace {

// A name that comes next shares whole components with this one; deeper or
// wider runs are read again.
constexpr std::size_t kMaxSnapshots = 32;
constexpr std::size_t kMaxSavedActive = 64;
// A table that fills before it was read this often for each row does not help.
constexpr std::uint64_t kMinUses = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Length of the common beginning, eight bytes at a time.
std::size_t common_length(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t at = 0;
  for (; at + 8 <= most; at += 8) {
    if (std::memcmp(a.data() + at, b.data() + at, 8) != 0) break;
  }
  while (at < most && a[at] == b[at]) ++at;
  return at;
}

}  // namespace

PatternScanner::PatternScanner(const PatternGraph& graph, std::size_t max_table)
    : automaton_(graph, max_table), simulation_(graph) {
  slots_.resize(automaton_.star_count(), 0);
}

bool PatternScanner::is_usable() {
  if (!automaton_.is_full() || abandoned_) return !abandoned_;
  abandoned_ = steps_ < kMinUses * automaton_.row_count();
  steps_ = 0;
  automaton_.clear();
  snapshots_.clear();
  saved_.clear();
  return !abandoned_;
}

bool PatternScanner::is_active(std::uint32_t star) const {
  const std::uint32_t slot = slots_[star];
  if (automaton_.settles(star)) {
    return slot < settled_.size() && settled_[slot] == star;
  }
  return slot < active_.size() && active_[slot].star == star;
}

void PatternScanner::activate(std::uint32_t star, bool after_digit) {
  if (is_active(star)) return;
  if (automaton_.settles(star)) {
    slots_[star] = static_cast<std::uint32_t>(settled_.size());
    settled_.push_back(star);
    return;
  }
  slots_[star] = static_cast<std::uint32_t>(active_.size());
  active_.push_back({star, automaton_.start_of(star, after_digit)});
}

// The length of the beginning that need not be read again.
std::size_t PatternScanner::restore(std::string_view name) {
  const std::size_t common = common_length(name, previous_);
  while (!snapshots_.empty() && snapshots_.back().length > common) {
    saved_.resize(snapshots_.back().active_begin);
    snapshots_.pop_back();
  }
  previous_.replace(common, std::string::npos, name.substr(common));
  active_.clear();
  if (snapshots_.empty()) {
    settled_.clear();
    root_ = automaton_.root().row;
    for (const std::uint32_t star : automaton_.root().stars) {
      activate(star / 2, false);
    }
    return 0;
  }
  const Snapshot& top = snapshots_.back();
  root_ = top.root;
  settled_.resize(top.settled);
  for (std::size_t i = top.active_begin; i < saved_.size(); ++i) {
    slots_[saved_[i].star] = static_cast<std::uint32_t>(active_.size());
    active_.push_back(saved_[i]);
  }
  return top.length;
}

void PatternScanner::save(std::size_t length) {
  if (snapshots_.size() == kMaxSnapshots || active_.size() > kMaxSavedActive) {
    return;
  }
  snapshots_.push_back({length, root_, saved_.size(), settled_.size()});
  saved_.insert(saved_.end(), active_.begin(), active_.end());
}

std::uint32_t PatternScanner::take_move(std::uint32_t row,
                                        std::uint8_t letter) {
  const std::uint32_t entry = automaton_.move(row, letter);
  if ((entry & LocalAutomaton::kReaches) == 0) return entry;
  const LocalAutomaton::Reach& reach = automaton_.reach(entry);
  work_ += reach.stars.size();
  for (const std::uint32_t star : reach.stars) {
    if (is_active(star / 2)) continue;
    if (star % 2 == 0) {
      pending_.push_back(star / 2);
    } else {
      activate(star / 2, true);
    }
  }
  return reach.row;
}

void PatternScanner::step(char byte, std::uint8_t letter) {
  if (root_ != LocalAutomaton::kDead) root_ = take_move(root_, letter);
  // Those that stand before this byte are appended and read it too.
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const std::uint32_t row = take_move(active_[i].row, letter);
    active_[i].row = row;
  }
  work_ += active_.size();
  if (pending_.empty()) return;
  for (const std::uint32_t star : pending_) activate(star, is_digit(byte));
  pending_.clear();
}

bool PatternScanner::run(std::string_view name) {
  if (!is_usable()) return false;
  work_ = 0;
  pending_.clear();
  for (std::size_t at = restore(name); at < name.size(); ++at) {
    const std::uint8_t letter = automaton_.letter(name[at]);
    if (letter == LocalAutomaton::kForeign) return false;
    step(name[at], letter);
    if (name[at] == '.') save(at + 1);
    if (work_ > kMaxMatchWork) throw_match_limit(name);
    if (automaton_.is_full()) return false;
  }
  steps_ += work_;
  return true;
}

std::uint32_t PatternScanner::first_hit(std::string_view name) {
  if (!run(name)) {
    simulated_.clear();
    simulation_.collect(name, simulated_);
    const auto first = std::min_element(simulated_.begin(), simulated_.end());
    return first == simulated_.end() ? kNoPattern
                                     : static_cast<std::uint32_t>(*first);
  }
  std::uint32_t first = automaton_.first_accept(root_);
  for (const Active& active : active_) {
    first = std::min(first, automaton_.first_accept(active.row));
  }
  for (const std::uint32_t star : settled_) {
    first = std::min(first, automaton_.first_accept_of_star(star));
  }
  return first;
}

void PatternScanner::collect(std::string_view name,
                             std::vector<std::size_t>& hits) {
  if (!run(name)) return simulation_.collect(name, hits);
  automaton_.add_accepts(root_, hits);
  for (const Active& active : active_) {
    automaton_.add_accepts(active.row, hits);
  }
  for (const std::uint32_t star : settled_) {
    automaton_.add_accepts_of_star(star, hits);
  }
}

}  // namespace graft
