// Python's `re` language translated to PCRE2's, so that one engine gives
// Python's answers. Entry point: translate_python_regex. What cannot be said
// in PCRE2 is refused, never approximated. List: docs/matching.md.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace graft {

struct TranslatedRegex {
  std::string pattern;                       // for PCRE2_UTF
  std::map<std::string, std::size_t> names;  // group name -> number
};

// Throws ConfigError where Python raises re.error ("...: missing ),
// unterminated subpattern at position 3") and for unsupported parts. `entry` is
// what the user wrote, if that is not the pattern itself.
TranslatedRegex translate_python_regex(std::string_view pattern,
                                       std::string_view entry);

}  // namespace graft
