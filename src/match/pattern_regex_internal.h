// A regular expression of Python's `re`, compiled by PCRE2. Entry points:
// PatternRegex, megatron_regex. Const and thread-safe once built.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace graft {

class PatternRegex {
 public:
  enum class Extent {
    kStart,  // re.match: from the start
    kWhole,  // re.fullmatch
  };
  // Throws ConfigError when malformed or unsupported; it shows `entry`, what
  // the user wrote, if that is not the pattern itself.
  PatternRegex(std::string_view pattern, Extent extent);
  PatternRegex(std::string_view pattern, Extent extent, std::string_view entry);
  ~PatternRegex();
  PatternRegex(PatternRegex&&) noexcept;
  PatternRegex& operator=(PatternRegex&&) noexcept;

  // Throws ConfigError when the match limit is hit.
  bool matches(std::string_view text) const;
  // The text of the named group after a match; nothing without one.
  std::optional<std::string> capture(std::string_view text,
                                     const std::string& group) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
};

// The reference's reading of a pattern: every `*` becomes `(.*)`, anchors
// around it.
std::string megatron_regex(std::string_view pattern);

}  // namespace graft
