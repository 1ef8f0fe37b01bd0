// The deterministic automata between the stars of a PatternGraph, made state
// by state as names ask for them, with a limit on memory. Private to
// PatternScanner. Entry points: LocalAutomaton::root, start_of, move.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "match/pattern_graph_internal.h"
#include "match/pattern_tail_internal.h"

namespace graft {

class LocalAutomaton {
 public:
  using Edge = PatternGraph::Edge;
  static constexpr std::uint32_t kNone = PatternGraph::kNone;
  static constexpr std::uint32_t kDead = 0;  // the row of no state at all
  static constexpr std::uint8_t kForeign = 255;

  // A move that also reaches stars, or states where tails begin (behind this
  // byte). `star * 2`: behind this byte; `star * 2 + 1`: before it, just after
  // a digit.
  struct Reach {
    std::uint32_t row = kDead;
    std::span<const std::uint32_t> stars;
    std::span<const std::uint32_t> tails;
  };

  // `max_table`: entries of the table at which it counts as full.
  LocalAutomaton(const PatternGraph& graph, const PatternTails& tails,
                 std::size_t max_table);

  // The class of a byte, or kForeign for what is no ordinary name.
  std::uint8_t letter(char c) const {
    return letters_[static_cast<unsigned char>(c)];
  }
  // What starts the name, and which stars are reached before its first byte.
  Reach root() const { return whole(root_); }
  // The row of a star that was just reached.
  std::uint32_t start_of(std::uint32_t star, bool after_digit);

  // The entry of the table: a row, or, with kReaches set, kReaches + an index
  // for reach().
  static constexpr std::uint32_t kReaches = 0x80000000u;
  std::uint32_t move(std::uint32_t row, std::uint8_t letter) {
    const std::uint32_t entry = table_[row + 1 + letter];
    return entry == kNone ? build(row, letter) : entry;
  }
  // Valid until the next call that is not const.
  Reach reach(std::uint32_t entry) const {
    return whole(reaches_[entry & ~kReaches]);
  }
  // Entries by row: moves that need no more than the table. kDead stays so.
  const std::uint32_t* column(std::uint8_t letter) const {
    return table_.data() + 1 + letter;
  }

  // The lowest pattern that ends in a row, or kNone.
  std::uint32_t first_accept(std::uint32_t row) const { return table_[row]; }
  void add_accepts(std::uint32_t row, std::vector<std::size_t>& hits);
  // The same for a star that settles.
  std::uint32_t first_accept_of_star(std::uint32_t star) const;
  void add_accepts_of_star(std::uint32_t star,
                           std::vector<std::size_t>& hits) const {
    add_accepts_of_state(graph_.stars()[star], hits);
  }
  void add_accepts_of_state(std::uint32_t state,
                            std::vector<std::size_t>& hits) const;
  // Nothing but suffixes leads on from the star: no byte changes what it says.
  bool settles(std::uint32_t star) const { return settles_[star]; }
  // The one star that all ways from this one lead to, when no pattern ends on
  // them; kNone otherwise. Once it is reached this one has said all.
  std::uint32_t only_next(std::uint32_t star);

  std::size_t star_count() const { return graph_.stars().size(); }
  bool is_full() const { return table_.size() + members_.size() > max_table_; }
  // Forgets all rows but these, which become what they are called now.
  void clear_but(std::vector<std::uint32_t>& rows);
  // Work that went into rows so far, in states and edges.
  std::uint64_t built() const { return built_; }

 private:
  // The states of a row, in members_; `star` is the one that it runs for.
  struct Row {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    std::uint32_t star = kNone;
    std::uint32_t hash = 0;
  };
  // A Reach in reach_items_: its stars, then its tails.
  struct StoredReach {
    std::uint32_t row = kDead;
    std::uint32_t begin = 0;
    std::uint32_t stars = 0;
    std::uint32_t tails = 0;
  };
  // Bit `letter % 64` for each letter.
  using LetterSet = std::uint64_t;
  static LetterSet letter_bit(std::size_t letter) {
    return LetterSet{1} << (letter % 64);
  }
  // What is asked of a state again and again.
  struct Fact {
    LetterSet letters = 0;  // that lead on from it
    bool simple = true;     // no star, and nothing follows without a character
    bool matters = false;   // something may follow, or a pattern ends there
    bool may_end = false;   // a pattern ends there, or behind a number
  };
  // The last set that a state was added to, or looked at for.
  struct Mark {
    std::uint32_t added = 0;
    std::uint32_t star = 0;
    std::uint32_t guard = 0;
  };

  void clear();
  void make_letters();
  bool is_settled(std::uint32_t star) const;
  std::uint32_t find_only_next(std::uint32_t star);
  void take(const Edge& edge, bool digit);
  void keep_few_tails(bool digit);
  LetterSet letters_of(const Edge& edge) const;
  void find_facts();
  void share(std::uint32_t row, bool digit, std::uint32_t entry);
  StoredReach store_reach(std::uint32_t row);
  Reach whole(const StoredReach& reach) const;
  std::uint32_t build(std::uint32_t row, std::uint8_t letter);
  void start_set(std::uint32_t star);
  void next_mark();
  void add_closed(std::uint32_t state, bool after_digit);
  void add_stars(std::uint32_t state, bool before);
  void pass_guard(std::uint32_t state, char32_t point);
  std::uint32_t row_of_set();
  std::uint32_t add_row(std::uint32_t hash);
  std::uint32_t lowest_accept();
  void find_accepting(const Row& row);
  void grow_index();

  const PatternGraph& graph_;
  const PatternTails& tails_;
  std::size_t max_table_;
  std::array<std::uint8_t, 256> letters_{};
  std::vector<char32_t> samples_;  // by letter: one of its bytes
  LetterSet digits_ = 0;
  LetterSet others_ = 0;
  std::vector<LetterSet> class_letters_;  // by class: those that it holds
  std::vector<Fact> facts_;               // by state
  std::size_t stride_ = 0;     // entries of a row: the accept, the letters
  std::vector<bool> settles_;  // by star
  std::vector<std::uint32_t> only_next_;  // by star; empty until asked for
  StoredReach root_;

  std::vector<std::uint32_t> table_;
  std::vector<Row> rows_;
  std::vector<std::uint32_t> members_;
  std::vector<StoredReach> reaches_;
  std::vector<std::uint32_t> reach_items_;
  std::vector<std::uint32_t> starts_;  // by star * 2 + after_digit; kNone
  std::vector<std::uint32_t> index_;   // hash table of rows by their states

  std::uint64_t built_ = 0;

  // The set being made.
  std::uint32_t star_ = kNone;
  std::uint32_t mark_ = 0;
  std::vector<Mark> marks_;  // by state
  std::vector<std::uint32_t> set_;
  std::vector<std::uint32_t> reached_;
  std::vector<std::uint32_t> begun_;  // tails
  std::vector<std::uint32_t> open_;
  std::vector<std::uint32_t> guard_open_;
  std::vector<std::uint32_t> star_open_;
  std::vector<std::uint32_t> accepting_;
};

}  // namespace graft
