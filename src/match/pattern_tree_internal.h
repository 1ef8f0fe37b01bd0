// A pattern without its spelling: what the glob parser and the reader of plain
// regular expressions give, and PatternGraph takes. Entry point: PatternTree.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace graft {

// A set of code points, as between brackets.
struct PointClass {
  std::vector<std::pair<char32_t, char32_t>> ranges;
  bool negated = false;
  // Regular expressions see no byte that is not UTF-8, globs see it as one
  // character.
  bool valid_only = false;
  bool holds(char32_t point) const;

  bool operator==(const PointClass&) const = default;
};

// A whole run of digits with a value in [low, high]; high UINT64_MAX: no end.
struct NumberRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  bool operator==(const NumberRange&) const = default;
};

// Items in reading order; brackets nest.
struct PatternItem {
  enum class Kind : std::uint32_t {
    kPoint,   // the code point `value`
    kAny,     // one character, or one byte that is not UTF-8
    kDot,     // one code point but a newline
    kClass,   // one character of classes[value]
    kText,    // any text
    kLine,    // any code points but newlines
    kNumber,  // numbers[value]
    kOpen,    // a choice begins
    kOr,      // its next branch
    kClose,   // and its end
    kLoop,    // what follows, `value` (0 or 1) times or more
    kLoopEnd,
  };
  Kind kind = Kind::kPoint;
  char32_t value = 0;
};

struct PatternTree {
  std::vector<PatternItem> items;
  std::vector<PointClass> classes;
  std::vector<NumberRange> numbers;
  // Right for names of ASCII alone: a class of it is Unicode's in full.
  bool ascii_only = false;

  void add(PatternItem::Kind kind, char32_t value = 0) {
    items.push_back({kind, value});
  }
  void clear() {
    items.clear();
    classes.clear();
    numbers.clear();
    ascii_only = false;
  }
};

}  // namespace graft
