// graft's glob as a small program: parsed once, run over a name without
// recursion. Entry points: GlobMatcher, is_glob_literal. Grammar:
// docs/matching.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft {

struct GlobInstruction {
  enum class Op {
    kText,    // `text`, exactly
    kAny,     // one code point
    kClass,   // one code point of `ranges`, or none of them if `negated`
    kStar,    // any text
    kNumber,  // a whole run of digits with a value in [low, high]
    kSplit,   // continue at each of `targets`
    kJump,    // continue at targets[0]
    kAccept,  // the end of the pattern
  };
  Op op = Op::kAccept;
  std::string text;
  std::vector<std::pair<char32_t, char32_t>> ranges;
  bool negated = false;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::vector<std::size_t> targets;
};

class GlobMatcher {
 public:
  // Throws ConfigError for a regular expression and for malformed classes,
  // braces and ranges.
  explicit GlobMatcher(std::string_view text);

  // The whole of `name`. Time is bounded by pattern length x name length.
  bool matches(std::string_view name) const;

 private:
  bool run(std::string_view name) const;
  std::vector<GlobInstruction> program_;
};

// The pattern holds no special character: it matches only itself.
bool is_glob_literal(std::string_view text);

}  // namespace graft
