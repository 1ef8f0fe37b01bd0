// What Oniguruma calls sets of characters, in PCRE2's words. Entry points:
// find_property, find_posix_bracket and the insides of its classes.
#pragma once

#include <optional>
#include <string_view>

namespace graft::text {

// The insides of character classes. PCRE2's own \s also has U+180E, and its
// \w has no marks but all numbers.
inline constexpr std::string_view kSpace =
    "\\t-\\r \\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}"
    "\\x{202F}\\x{205F}\\x{3000}";
inline constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
// What \w outside a class matches besides: superscript and fraction digits.
inline constexpr std::string_view kLoneWord =
    "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}";
inline constexpr std::string_view kHexDigit = "0-9A-Fa-f";

// "Letter" -> "L"; nullopt for short names and for scripts.
std::optional<std::string_view> find_property(std::string_view name);

// "alpha" -> the inside of a class.
std::optional<std::string_view> find_posix_bracket(std::string_view name);

}  // namespace graft::text
