// Subset construction on demand, cut at stars.
#include "match/local_automaton_internal.h"

#include <algorithm>
#include <utility>

namespace graft {
namespace {

using EdgeKind = PatternGraph::EdgeKind;
using Edge = PatternGraph::Edge;

bool is_digit(char32_t point) { return point >= U'0' && point <= U'9'; }

}  // namespace

LocalAutomaton::LocalAutomaton(const PatternGraph& graph,
                               const PatternTails& tails, std::size_t max_table)
    : graph_(graph), tails_(tails), max_table_(max_table) {
  make_letters();
  find_facts();
  for (std::uint32_t star = 0; star < graph.stars().size(); ++star) {
    settles_.push_back(is_settled(star));
  }
  marks_.resize(graph.states().size());
  clear();
}

// Bytes that no edge tells apart share a letter.
void LocalAutomaton::make_letters() {
  std::array<bool, 128> told_apart{};
  const auto tell = [&](char32_t first, char32_t last) {
    for (char32_t c = first; c <= last && c < 128; ++c) told_apart[c] = true;
  };
  for (const Edge& edge : graph_.edges()) {
    if (edge.kind == EdgeKind::kPoint) tell(edge.value, edge.value);
    if (edge.kind == EdgeKind::kNumber) tell(U'0', U'9');
    if (edge.kind != EdgeKind::kClass) continue;
    for (const auto& [first, last] : graph_.classes()[edge.value].ranges) {
      tell(first, last);
    }
  }
  letters_.fill(kForeign);
  std::uint8_t other = kForeign;
  for (char32_t c = 0; c < 128; ++c) {
    if (c == U'\n') continue;
    if (!told_apart[c] && other != kForeign) {
      letters_[c] = other;
      continue;
    }
    letters_[c] = static_cast<std::uint8_t>(samples_.size());
    if (!told_apart[c]) other = letters_[c];
    samples_.push_back(c);
  }
  stride_ = samples_.size() + 1;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    (is_digit(samples_[i]) ? digits_ : others_) |= letter_bit(i);
  }
  for (const PointClass& points : graph_.classes()) {
    LetterSet& letters = class_letters_.emplace_back(0);
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (points.holds(samples_[i])) letters |= letter_bit(i);
    }
  }
}

// Letters that the edge may take.
LocalAutomaton::LetterSet LocalAutomaton::letters_of(const Edge& edge) const {
  switch (edge.kind) {
    case EdgeKind::kPoint: {
      const std::uint8_t letter =
          edge.value < 128 ? letters_[edge.value] : kForeign;
      return letter == kForeign ? 0 : letter_bit(letter);
    }
    case EdgeKind::kClass:
      return class_letters_[edge.value];
    case EdgeKind::kDigits:
      return digits_;
    case EdgeKind::kGuard:
      return others_;
    default:
      return digits_ | others_;
  }
}

void LocalAutomaton::find_facts() {
  facts_.resize(graph_.states().size());
  for (std::size_t i = 0; i < facts_.size(); ++i) {
    const PatternGraph::State& state = graph_.states()[i];
    Fact& fact = facts_[i];
    fact.simple = state.star == kNone;
    fact.may_end = fact.matters = state.accepts != kNone;
    for (std::uint32_t at = state.edges; at != kNone;) {
      const Edge& edge = graph_.edges()[at];
      if (PatternGraph::is_free(edge) || edge.kind == EdgeKind::kNumber) {
        fact.simple = false;
      } else if (!tails_.is_suffix(at)) {
        fact.matters = true;
        fact.may_end = fact.may_end || edge.kind == EdgeKind::kGuard;
        fact.letters |= letters_of(edge);
      }
      at = edge.next;
    }
  }
}

void LocalAutomaton::clear() {
  members_.clear();
  reaches_.clear();
  reach_items_.clear();
  // Growing would copy, and touch fresh memory, more than once; what is never
  // touched costs nothing.
  constexpr std::size_t kEntriesPerState = 64;
  table_.reserve(std::min(max_table_, marks_.size() * kEntriesPerState));
  rows_.assign(1, Row{});
  table_.assign(stride_, kDead);
  table_[0] = kNone;
  starts_.assign(graph_.stars().size() * 2, kNone);
  index_.assign(1024, kNone);
  start_set(kNone);
  if (tails_.is_long(PatternGraph::kRoot)) {
    begun_.push_back(PatternGraph::kRoot);
  } else {
    add_closed(PatternGraph::kRoot, false);
  }
  root_ = store_reach(row_of_set());
}

LocalAutomaton::StoredReach LocalAutomaton::store_reach(std::uint32_t row) {
  const StoredReach stored{row, static_cast<std::uint32_t>(reach_items_.size()),
                           static_cast<std::uint32_t>(reached_.size()),
                           static_cast<std::uint32_t>(begun_.size())};
  reach_items_.insert(reach_items_.end(), reached_.begin(), reached_.end());
  reach_items_.insert(reach_items_.end(), begun_.begin(), begun_.end());
  return stored;
}

LocalAutomaton::Reach LocalAutomaton::whole(const StoredReach& reach) const {
  const std::span<const std::uint32_t> items(reach_items_);
  return {reach.row, items.subspan(reach.begin, reach.stars),
          items.subspan(reach.begin + reach.stars, reach.tails)};
}

void LocalAutomaton::clear_but(std::vector<std::uint32_t>& rows) {
  std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>> kept;
  for (const std::uint32_t row : rows) {
    const Row& old = rows_[row / stride_];
    const auto begin = members_.begin() + old.begin;
    kept.emplace_back(old.star,
                      std::vector<std::uint32_t>(begin, begin + old.size));
  }
  clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    start_set(kept[i].first);
    set_ = std::move(kept[i].second);
    rows[i] = row_of_set();
  }
}

bool LocalAutomaton::is_settled(std::uint32_t star) const {
  std::uint32_t at = graph_.states()[graph_.stars()[star]].edges;
  while (at != kNone && tails_.is_suffix(at)) at = graph_.edges()[at].next;
  return at == kNone;
}

std::uint32_t LocalAutomaton::start_of(std::uint32_t star, bool after_digit) {
  std::uint32_t& start = starts_[star * 2 + (after_digit ? 1 : 0)];
  if (start == kNone) {
    start_set(star);
    add_closed(graph_.stars()[star], after_digit);
    start = row_of_set();
  }
  return start;
}

void LocalAutomaton::start_set(std::uint32_t star) {
  star_ = star;
  set_.clear();
  reached_.clear();
  begun_.clear();
  next_mark();
}

void LocalAutomaton::next_mark() {
  mark_ += 2;
  if (mark_ != 0) return;
  std::fill(marks_.begin(), marks_.end(), Mark{});
  mark_ = 2;
}

void LocalAutomaton::add_closed(std::uint32_t state, bool after_digit) {
  if (facts_[state].simple) {
    if (marks_[state].added == mark_) return;
    marks_[state].added = mark_;
    ++built_;
    if (facts_[state].matters) set_.push_back(state);
    return;
  }
  open_.push_back(state);
  while (!open_.empty()) {
    const std::uint32_t at = open_.back();
    open_.pop_back();
    if (marks_[at].added == mark_) continue;
    marks_[at].added = mark_;
    const PatternGraph::State& row = graph_.states()[at];
    if (row.star != kNone && row.star != star_) {
      add_stars(at, false);
      continue;
    }
    if (facts_[at].matters) set_.push_back(at);
    for (std::uint32_t next = row.edges; next != kNone;) {
      const Edge& edge = graph_.edges()[next];
      ++built_;
      const bool number = edge.kind == EdgeKind::kNumber && !after_digit;
      if (number || PatternGraph::is_free(edge)) open_.push_back(edge.target);
      next = edge.next;
    }
  }
}

// A star and those that it reaches without a character.
void LocalAutomaton::add_stars(std::uint32_t state, bool before) {
  const std::uint32_t mark = mark_ + (before ? 1 : 0);
  star_open_.push_back(state);
  while (!star_open_.empty()) {
    const std::uint32_t at = star_open_.back();
    star_open_.pop_back();
    const PatternGraph::State& row = graph_.states()[at];
    const bool own = row.star != kNone && row.star == star_;
    if (own || marks_[at].star == mark) continue;
    marks_[at].star = mark;
    if (row.star != kNone) reached_.push_back(row.star * 2 + (before ? 1 : 0));
    for (std::uint32_t next = row.edges; next != kNone;) {
      const Edge& edge = graph_.edges()[next];
      if (PatternGraph::is_free(edge)) star_open_.push_back(edge.target);
      next = edge.next;
    }
  }
}

// The end of a number stands before `point`, which is no digit.
void LocalAutomaton::pass_guard(std::uint32_t state, char32_t point) {
  guard_open_.push_back(state);
  while (!guard_open_.empty()) {
    const std::uint32_t at = guard_open_.back();
    guard_open_.pop_back();
    if (marks_[at].guard == mark_) continue;
    marks_[at].guard = mark_;
    const PatternGraph::State& row = graph_.states()[at];
    if (row.star != kNone) {
      if (row.star != star_) add_stars(at, true);
      continue;
    }
    for (std::uint32_t next = row.edges; next != kNone;) {
      const Edge& edge = graph_.edges()[next];
      if (PatternGraph::is_free(edge)) guard_open_.push_back(edge.target);
      if (graph_.takes(edge, point)) take(edge, false);
      next = edge.next;
    }
  }
}

void LocalAutomaton::take(const Edge& edge, bool digit) {
  if (tails_.is_long(edge.target)) {
    begun_.push_back(edge.target);
  } else {
    add_closed(edge.target, digit);
  }
}

// Each tail is looked at when the name ends; many together are cheaper as
// states of a row, where most of them end soon.
void LocalAutomaton::keep_few_tails(bool digit) {
  constexpr std::size_t kFew = 2;
  if (begun_.size() <= kFew) return;
  for (const std::uint32_t state : begun_) add_closed(state, digit);
  begun_.clear();
}

// Letters that no edge of the row takes lead where one of them does.
void LocalAutomaton::share(std::uint32_t row, bool digit, std::uint32_t entry) {
  const Row& from = rows_[row / stride_];
  LetterSet taken = digit ? others_ : digits_;
  for (std::uint32_t i = 0; i < from.size; ++i) {
    taken |= facts_[members_[from.begin + i]].letters;
  }
  for (std::size_t letter = 0; letter < samples_.size(); ++letter) {
    if ((taken & letter_bit(letter)) == 0) table_[row + 1 + letter] = entry;
  }
}

std::uint32_t LocalAutomaton::build(std::uint32_t row, std::uint8_t letter) {
  const Row from = rows_[row / stride_];
  const char32_t point = samples_[letter];
  const bool digit = is_digit(point);
  bool taken = false;
  start_set(from.star);
  if (from.star != kNone) add_closed(graph_.stars()[from.star], digit);
  for (std::uint32_t i = 0; i < from.size; ++i) {
    const std::uint32_t state = members_[from.begin + i];
    ++built_;
    if ((facts_[state].letters & letter_bit(letter)) == 0) continue;
    for (std::uint32_t at = graph_.states()[state].edges; at != kNone;) {
      const Edge& edge = graph_.edges()[at];
      ++built_;
      if (edge.kind == EdgeKind::kGuard) {
        if (!digit) pass_guard(edge.target, point);
        taken = taken || !digit;
      } else if (graph_.takes(edge, point) && !tails_.is_suffix(at)) {
        take(edge, digit);
        taken = true;
      }
      at = edge.next;
    }
  }
  keep_few_tails(digit);
  std::uint32_t entry = row_of_set();
  if (!reached_.empty() || !begun_.empty()) {
    reaches_.push_back(store_reach(entry));
    entry = kReaches + static_cast<std::uint32_t>(reaches_.size() - 1);
  }
  table_[row + 1 + letter] = entry;
  if (!taken) share(row, digit, entry);
  return entry;
}

std::uint32_t LocalAutomaton::row_of_set() {
  if (set_.empty() && star_ == kNone) return kDead;
  std::sort(set_.begin(), set_.end());
  std::uint64_t mixed = star_;
  for (const std::uint32_t state : set_) {
    mixed = (mixed ^ state) * 0x9E3779B97F4A7C15u;
    mixed ^= mixed >> 29;
  }
  const auto hash = static_cast<std::uint32_t>(mixed);
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = hash & mask; index_[at] != kNone;
       at = (at + 1) & mask) {
    const Row& row = rows_[index_[at]];
    if (row.hash == hash && row.star == star_ && row.size == set_.size() &&
        std::equal(set_.begin(), set_.end(), members_.begin() + row.begin)) {
      return static_cast<std::uint32_t>(index_[at] * stride_);
    }
  }
  return add_row(hash);
}

std::uint32_t LocalAutomaton::add_row(std::uint32_t hash) {
  if ((rows_.size() + 1) * 2 > index_.size()) grow_index();
  const auto number = static_cast<std::uint32_t>(rows_.size());
  rows_.push_back({static_cast<std::uint32_t>(members_.size()),
                   static_cast<std::uint32_t>(set_.size()), star_, hash});
  members_.insert(members_.end(), set_.begin(), set_.end());
  const std::size_t mask = index_.size() - 1;
  std::size_t at = hash & mask;
  while (index_[at] != kNone) at = (at + 1) & mask;
  index_[at] = number;
  const std::size_t offset = table_.size();
  table_.resize(offset + stride_, kNone);
  table_[offset] = lowest_accept();
  return static_cast<std::uint32_t>(offset);
}

void LocalAutomaton::grow_index() {
  index_.assign(index_.size() * 2, kNone);
  const std::size_t mask = index_.size() - 1;
  for (std::uint32_t number = 1; number < rows_.size(); ++number) {
    std::size_t at = rows_[number].hash & mask;
    while (index_[at] != kNone) at = (at + 1) & mask;
    index_[at] = number;
  }
}

}  // namespace graft
