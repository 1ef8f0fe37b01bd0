// Reads ordinary names (ASCII, one line) with a PatternGraph at the cost of a
// few table look-ups a byte, independent of the number of patterns.
//
// After a star only the earliest place counts, so each star that a name has
// reached runs an automaton of its own over the rest of the name: the text up
// to the next stars, made deterministic where names go. One automaton over
// everything would need a state for each combination (layer 7 and expert 31);
// these do not. What names have in common with the one before is not read
// again. Entry points: PatternScanner::first_hit, collect. For one thread at a
// time. Design: docs/design/13-selection-engine.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "match/local_automaton_internal.h"
#include "match/pattern_graph_internal.h"
#include "match/pattern_simulation_internal.h"
#include "match/pattern_tail_internal.h"

namespace graft {

class PatternScanner {
 public:
  static constexpr std::uint32_t kNoPattern = UINT32_MAX;

  static constexpr std::size_t kMaxTable = std::size_t{4} << 20;  // 16 MB

  // `max_table`: entries of its tables (4 bytes each) before it starts over.
  explicit PatternScanner(const PatternGraph& graph,
                          std::size_t max_table = kMaxTable);
  PatternScanner(const PatternScanner&) = delete;
  PatternScanner& operator=(const PatternScanner&) = delete;

  // The lowest pattern that matches the whole of `name`, or kNoPattern. Throws
  // ConfigError when the name takes more than kMaxMatchWork.
  std::uint32_t first_hit(std::string_view name);
  // Appends all patterns that match, in any order, maybe twice.
  void collect(std::string_view name, std::vector<std::size_t>& hits);

 private:
  struct Active {
    std::uint32_t star = 0;
    std::uint32_t row = 0;  // of the local automaton
    std::size_t place = 0;  // bytes before the star
  };
  struct Settled {
    std::uint32_t star = 0;
    std::size_t place = 0;
  };
  // A tail that may be the rest of the name.
  struct Begun {
    std::uint32_t state = 0;
    std::size_t place = 0;  // bytes before it
  };
  // The run after a prefix of `previous_` that ends in a dot.
  struct Snapshot {
    std::size_t length = 0;
    std::uint32_t root = 0;
    std::size_t active_begin = 0;  // in saved_
    std::size_t settled = 0;
    std::size_t begun = 0;
  };

  // Runs up to the end; false when the name is not for this way.
  bool run(std::string_view name);
  std::size_t restore(std::string_view name);
  void save(std::size_t length);
  std::size_t run_in_table(std::string_view name, std::size_t at);
  template <std::size_t count>
  std::size_t run_in_table(std::string_view name, std::size_t at);
  void step(std::uint8_t letter);
  std::uint32_t take_move(std::uint32_t row, std::uint8_t letter);
  std::uint32_t follow(std::uint32_t entry);
  bool is_active(std::uint32_t star) const;
  void activate(std::uint32_t star, std::size_t place);
  void begin_tail(std::uint32_t state, std::size_t place);
  void drop_spent();
  void start_over();
  // Calls visit(tail, state, rest) for each tail that has the right length.
  template <typename Visit>
  void visit_tails(std::string_view name, const Visit& visit);

  const PatternGraph& graph_;
  PatternTails tails_;
  LocalAutomaton automaton_;
  PatternSimulation simulation_;
  std::vector<std::size_t> simulated_;

  std::uint32_t root_ = 0;
  std::vector<Active> active_;
  // Stars at the end of patterns, which need no more reading.
  std::vector<Settled> settled_;
  std::vector<Begun> begun_;
  std::vector<std::uint32_t> slots_;    // by star: its place in either list
  std::vector<std::uint32_t> pending_;  // to become active behind this byte
  std::string_view name_;               // being read
  std::size_t at_ = 0;                  // the byte being read
  std::string previous_;
  std::vector<Snapshot> snapshots_;
  std::vector<Active> saved_;
  std::uint64_t work_ = 0;
};

}  // namespace graft
