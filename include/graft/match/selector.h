// Rules compiled once into an immutable, thread-safe selector. Entry points:
// Selector::compile, select, explain, match_one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/explanation.h"
#include "graft/match/module_info.h"
#include "graft/match/plan.h"
#include "graft/match/rule.h"

namespace graft {

class Selector {
 public:
  // Throws ConfigError for a malformed pattern (it shows the pattern and the
  // place), a regular expression under glob, or fields that exclude each
  // other.
  static Selector compile(std::vector<Rule> rules);

  ~Selector();
  Selector(Selector&&) noexcept;
  Selector& operator=(Selector&&) noexcept;

  // First rule and first entry win. Rows that an earlier rule adapted are
  // left to it. Throws ConfigError when two entries of one rule adapt
  // overlapping rows in different forms (linear_qkv and q_proj).
  Plan select(const Inventory& inventory) const;

  // Why `path` (a module or a part of one, in either naming world) is adapted
  // or not. Throws ConfigError with the nearest names when no module is called
  // so, and whatever select() throws.
  Explanation explain(const Inventory& inventory, std::string_view path) const;

  // Name-level matching of rule `rule`: an entry hits when it equals `name`
  // (last component) or its pattern matches `full_name` whole. Returns the
  // index of the first entry that hits; nothing when excluded. In peft syntax
  // `name` is ignored.
  std::optional<std::size_t> match_one(std::size_t rule, std::string_view name,
                                       std::string_view full_name) const;

  const std::vector<Rule>& rules() const;

 private:
  struct State;
  explicit Selector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace graft
