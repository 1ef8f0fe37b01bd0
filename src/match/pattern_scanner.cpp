// The stars that a name has reached, each with its place in its automaton.
#include "match/pattern_scanner_internal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace graft {
namespace {

// A name that comes next shares whole components with this one; deeper or
// wider runs are read again.
constexpr std::size_t kMaxSnapshots = 32;
constexpr std::size_t kMaxSavedActive = 64;
constexpr std::size_t kMaxSavedBegun = 256;
// From here on it pays to look for stars that are of no use any more.
constexpr std::size_t kFewActive = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Length of the common beginning, eight bytes at a time.
std::size_t common_length(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t at = 0;
  for (; at + 8 <= most; at += 8) {
    if (std::memcmp(a.data() + at, b.data() + at, 8) != 0) break;
  }
  if (at + 8 <= most) {
    std::uint64_t words[2];
    std::memcpy(&words[0], a.data() + at, 8);
    std::memcpy(&words[1], b.data() + at, 8);
    if constexpr (std::endian::native == std::endian::little) {
      return at + static_cast<std::size_t>(
                      std::countr_zero(words[0] ^ words[1]) / 8);
    }
  }
  while (at < most && a[at] == b[at]) ++at;
  return at;
}

}  // namespace

PatternScanner::PatternScanner(const PatternGraph& graph, std::size_t max_table)
    : graph_(graph),
      tails_(graph),
      automaton_(graph, tails_, max_table),
      simulation_(graph) {
  slots_.resize(automaton_.star_count(), 0);
}

// Makes room in the tables; the run goes on.
void PatternScanner::start_over() {
  std::vector<std::uint32_t> rows{root_};
  for (const Active& active : active_) rows.push_back(active.row);
  automaton_.clear_but(rows);
  root_ = rows[0];
  for (std::size_t i = 0; i < active_.size(); ++i) active_[i].row = rows[i + 1];
  snapshots_.clear();
  saved_.clear();
}

bool PatternScanner::is_active(std::uint32_t star) const {
  const std::uint32_t slot = slots_[star];
  if (automaton_.settles(star)) {
    return slot < settled_.size() && settled_[slot].star == star;
  }
  return slot < active_.size() && active_[slot].star == star;
}

// The star stands behind the first `place` bytes.
void PatternScanner::activate(std::uint32_t star, std::size_t place) {
  if (is_active(star)) return;
  if (automaton_.settles(star)) {
    slots_[star] = static_cast<std::uint32_t>(settled_.size());
    settled_.push_back({star, place});
    return;
  }
  const bool after_digit = place > 0 && is_digit(name_[place - 1]);
  slots_[star] = static_cast<std::uint32_t>(active_.size());
  active_.push_back({star, automaton_.start_of(star, after_digit), place});
}

void PatternScanner::begin_tail(std::uint32_t state, std::size_t place) {
  // Beyond some number none is kept that only another name could end with.
  const bool fits = place + tails_.at(state).length == name_.size();
  if (fits || begun_.size() < kMaxSavedBegun) begun_.push_back({state, place});
}

// Stars that have led to all they lead to.
void PatternScanner::drop_spent() {
  for (std::size_t i = 0; i < active_.size();) {
    const std::uint32_t next = automaton_.only_next(active_[i].star);
    if (next == LocalAutomaton::kNone || !is_active(next)) {
      ++i;
      continue;
    }
    active_[i] = active_.back();
    slots_[active_[i].star] = static_cast<std::uint32_t>(i);
    active_.pop_back();
  }
}

// The length of the beginning that need not be read again.
std::size_t PatternScanner::restore(std::string_view name) {
  const std::size_t common = common_length(name, previous_);
  while (!snapshots_.empty() && snapshots_.back().length > common) {
    saved_.resize(snapshots_.back().active_begin);
    snapshots_.pop_back();
  }
  previous_.assign(name);
  active_.clear();
  if (snapshots_.empty()) {
    settled_.clear();
    begun_.clear();
    root_ = automaton_.root().row;
    for (const std::uint32_t star : automaton_.root().stars) {
      activate(star / 2, 0);
    }
    for (const std::uint32_t state : automaton_.root().tails) {
      begin_tail(state, 0);
    }
    return 0;
  }
  const Snapshot& top = snapshots_.back();
  root_ = top.root;
  settled_.resize(top.settled);
  begun_.resize(top.begun);
  for (std::size_t i = top.active_begin; i < saved_.size(); ++i) {
    slots_[saved_[i].star] = static_cast<std::uint32_t>(active_.size());
    active_.push_back(saved_[i]);
  }
  return top.length;
}

void PatternScanner::save(std::size_t length) {
  const bool wide =
      active_.size() > kMaxSavedActive || begun_.size() >= kMaxSavedBegun;
  if (wide || snapshots_.size() == kMaxSnapshots) return;
  snapshots_.push_back(
      {length, root_, saved_.size(), settled_.size(), begun_.size()});
  saved_.insert(saved_.end(), active_.begin(), active_.end());
}

// What a move reaches besides its row.
std::uint32_t PatternScanner::follow(std::uint32_t entry) {
  // Copied: what is reached may add rows, but no moves.
  const LocalAutomaton::Reach reach = automaton_.reach(entry);
  work_ += reach.stars.size() + reach.tails.size();
  if (work_ > kMaxMatchWork) throw_match_limit(name_);
  for (const std::uint32_t star : reach.stars) {
    if (is_active(star / 2)) continue;
    if (star % 2 == 0) {
      pending_.push_back(star / 2);
    } else {
      activate(star / 2, at_);
    }
  }
  for (const std::uint32_t state : reach.tails) begin_tail(state, at_ + 1);
  return reach.row;
}

std::uint32_t PatternScanner::take_move(std::uint32_t row,
                                        std::uint8_t letter) {
  const std::uint32_t entry = automaton_.move(row, letter);
  return entry < LocalAutomaton::kReaches ? entry : follow(entry);
}

// The usual steps, up to the next dot: no star is reached, no tail begins, all
// rows are known. Where they end.
template <std::size_t count>
std::size_t PatternScanner::run_in_table(std::string_view name,
                                         std::size_t at) {
  std::array<std::uint32_t, count> rows;
  std::array<std::uint32_t, count> next;
  for (std::size_t i = 0; i < count; ++i) rows[i] = active_[i].row;
  std::uint32_t root = root_;
  const std::uint32_t* const table = automaton_.column(0);
  for (bool dot = false; at < name.size() && !dot; ++at) {
    const std::uint8_t letter = automaton_.letter(name[at]);
    if (letter == LocalAutomaton::kForeign) break;
    const std::uint32_t* column = table + letter;
    const std::uint32_t next_root = column[root];
    std::uint32_t all = next_root;
    for (std::size_t i = 0; i < count; ++i) all |= next[i] = column[rows[i]];
    if (all >= LocalAutomaton::kReaches) break;
    root = next_root;
    for (std::size_t i = 0; i < count; ++i) rows[i] = next[i];
    dot = name[at] == '.';
  }
  root_ = root;
  for (std::size_t i = 0; i < count; ++i) active_[i].row = rows[i];
  return at;
}

// Loops of a fixed length are twice as fast; with more stars than these each
// byte is a step of its own.
std::size_t PatternScanner::run_in_table(std::string_view name,
                                         std::size_t at) {
  switch (active_.size()) {
    case 0:
      return run_in_table<0>(name, at);
    case 1:
      return run_in_table<1>(name, at);
    case 2:
      return run_in_table<2>(name, at);
    case 3:
      return run_in_table<3>(name, at);
    case 4:
      return run_in_table<4>(name, at);
    case 5:
      return run_in_table<5>(name, at);
    case 6:
      return run_in_table<6>(name, at);
    case 7:
      return run_in_table<7>(name, at);
    case 8:
      return run_in_table<8>(name, at);
    default:
      return at;
  }
}

void PatternScanner::step(std::uint8_t letter) {
  if (root_ != LocalAutomaton::kDead) root_ = take_move(root_, letter);
  // Those that stand before this byte are appended and read it too.
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const std::uint32_t row = take_move(active_[i].row, letter);
    active_[i].row = row;
  }
  for (const std::uint32_t star : pending_) activate(star, at_ + 1);
  pending_.clear();
  if (active_.size() <= kFewActive) return;
  drop_spent();
  work_ += active_.size();
  if (work_ > kMaxMatchWork) throw_match_limit(name_);
}

bool PatternScanner::run(std::string_view name) {
  work_ = 0;
  const std::uint64_t built = automaton_.built();
  name_ = name;
  pending_.clear();
  for (at_ = restore(name); at_ < name.size();) {
    const std::size_t in_table = run_in_table(name, at_);
    if (in_table > at_) {
      at_ = in_table;
      if (name[at_ - 1] == '.') save(at_);
      continue;
    }
    const std::uint8_t letter = automaton_.letter(name[at_]);
    if (letter == LocalAutomaton::kForeign) return false;
    step(letter);
    if (name[at_++] == '.') save(at_);
    if (!automaton_.is_full()) continue;
    if (automaton_.built() - built > kMaxMatchWork) throw_match_limit(name);
    start_over();
  }
  return true;
}

template <typename Visit>
void PatternScanner::visit_tails(std::string_view name, const Visit& visit) {
  const auto visit_suffixes = [&](std::uint32_t star, std::size_t place) {
    for (const std::uint32_t index : tails_.suffixes(star)) {
      const PatternGraph::Edge& edge = graph_.edges()[index];
      const PatternTails::Tail& tail = tails_.at(edge.target);
      if (name.size() < place + 1 + tail.length) continue;
      const std::string_view rest = name.substr(name.size() - tail.length);
      const char before = name[name.size() - tail.length - 1];
      if (graph_.takes(edge, static_cast<unsigned char>(before))) {
        visit(tail, edge.target, rest);
      }
    }
  };
  for (const Active& active : active_) {
    visit_suffixes(active.star, active.place);
  }
  for (const Settled& settled : settled_) {
    visit_suffixes(settled.star, settled.place);
  }
  for (const Begun& begun : begun_) {
    const PatternTails::Tail& tail = tails_.at(begun.state);
    if (begun.place + tail.length != name.size()) continue;
    visit(tail, begun.state, name.substr(begun.place));
  }
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
  for (const Settled& settled : settled_) {
    first = std::min(first, automaton_.first_accept_of_star(settled.star));
  }
  visit_tails(name, [&](const PatternTails::Tail& tail, std::uint32_t state,
                        std::string_view rest) {
    const std::uint32_t pattern = tails_.pattern(tail);
    if (pattern < first && tails_.matches(state, rest)) first = pattern;
  });
  return first;
}

void PatternScanner::collect(std::string_view name,
                             std::vector<std::size_t>& hits) {
  if (!run(name)) return simulation_.collect(name, hits);
  automaton_.add_accepts(root_, hits);
  for (const Active& active : active_) {
    automaton_.add_accepts(active.row, hits);
  }
  for (const Settled& settled : settled_) {
    automaton_.add_accepts_of_star(settled.star, hits);
  }
  visit_tails(name, [&](const PatternTails::Tail& tail, std::uint32_t state,
                        std::string_view rest) {
    if (tails_.matches(state, rest)) {
      automaton_.add_accepts_of_state(tail.end, hits);
    }
  });
}

}  // namespace graft
