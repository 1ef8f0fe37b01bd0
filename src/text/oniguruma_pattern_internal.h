// Rewrites a pattern in Oniguruma's syntax as one of PCRE2 (UTF, UCP and
// MULTILINE) that matches the same. Entry point: translate_oniguruma.
#pragma once

#include <string>
#include <string_view>

namespace graft::text {

// Rewritten: \s \S \w \W \b \B \h \H \v \u \O, POSIX brackets, property names,
// {,n}, {n}+ and {n}? (a repeat of the repeat), option m (dot matches all).
// Throws PatternError for what has no exact counterpart:
// negated classes inside classes, intersections, callouts, absence operators,
// options in mid-pattern. Case folding of one character to several (ss and
// sharp s) is not done.
std::string translate_oniguruma(std::string_view pattern);

}  // namespace graft::text
