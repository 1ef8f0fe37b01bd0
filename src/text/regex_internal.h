// A compiled pattern that finds what Oniguruma, the reference's engine, finds.
// Entry point: Regex. PCRE2 is private to the .cpp.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace graft::text {

// The pattern does not compile, or uses something not supported.
class PatternError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Immutable and thread-safe.
class Regex {
 public:
  enum class Syntax { kOniguruma, kLiteral };

  // `label` names the place of the pattern in errors of find_all. Throws
  // PatternError.
  Regex(std::string_view pattern, Syntax syntax, std::string label);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The matches in order, not overlapping, empty ones included. `text` is
  // valid UTF-8. Throws FileError when the pattern takes too much time or
  // memory on it.
  std::vector<ByteRange> find_all(std::string_view text) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
  std::string label_;
};

}  // namespace graft::text
