// The patterns of one list, compiled together: all but true regular
// expressions as one automaton. Entry point: PatternSet. Once built it is
// const and thread-safe; threads that ask at the same time do not share
// tables.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace graft {

class PatternSet {
 public:
  static constexpr std::size_t kNoHit = SIZE_MAX;

  PatternSet();
  ~PatternSet();
  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;

  // Room for patterns of `text` bytes in all.
  void reserve(std::size_t text);
  // Building, in ascending order of `index`. Throw ConfigError for a malformed
  // pattern; the set stays as it was.
  void add_glob(std::string_view pattern, std::size_t index);
  void add_megatron(std::string_view pattern, std::size_t index);
  void add_regex(std::string_view pattern, std::size_t index);
  // HF PEFT's reading of a key of rank_pattern: `(.*\.)?(KEY)$` at the start.
  void add_peft_key(std::string_view key, std::size_t index);

  bool empty() const;
  // The lowest index whose pattern matches the whole of `name`, or kNoHit.
  // Throw ConfigError when an expression hits its match limit.
  std::size_t first_hit(std::string_view name) const;
  // Appends the indices of all that match, unsorted, maybe twice.
  void collect(std::string_view name, std::vector<std::size_t>& hits) const;

 private:
  struct State;
  class Lease;
  std::unique_ptr<State> state_;
};

}  // namespace graft
