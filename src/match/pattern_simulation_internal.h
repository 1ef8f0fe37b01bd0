// Runs a PatternGraph over any name, all paths at once: what is exact for
// every text, and bounded by states x length. Entry point:
// PatternSimulation::collect. For one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "match/pattern_graph_internal.h"

namespace graft {

// Work that one name may cost, in states visited: about a second.
constexpr std::uint64_t kMaxMatchWork = 200'000'000;

// ConfigError: the patterns take too long on a name.
[[noreturn]] void throw_match_limit(std::string_view name);

class PatternSimulation {
 public:
  explicit PatternSimulation(const PatternGraph& graph) : graph_(graph) {}

  // Appends each pattern that matches the whole of `name`, in any order, maybe
  // twice. Throws ConfigError beyond kMaxMatchWork.
  void collect(std::string_view name, std::vector<std::size_t>& hits);

 private:
  void start_set();
  // Adds a state and all that it reaches without a character.
  void add_closed(std::uint32_t state, bool after_digit);
  // Adds what stands behind the ends of numbers; no digit follows.
  void pass_guards();
  void step(char32_t point);
  void add_accepts(bool at_final_newline, std::vector<std::size_t>& hits) const;

  const PatternGraph& graph_;
  std::vector<std::uint32_t> marks_;  // by state: the last set that holds it
  std::uint32_t set_ = 0;
  std::vector<std::uint32_t> current_;
  std::vector<std::uint32_t> next_;
  std::vector<std::uint32_t> open_;
  std::uint64_t work_ = 0;
};

}  // namespace graft
