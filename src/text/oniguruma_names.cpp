// The tables of names.
#include "text/oniguruma_names_internal.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <string>

namespace graft::text {
namespace {

struct Name {
  std::string_view oniguruma;
  std::string_view pcre2;
};

// Properties that are neither a general category by its short name nor a
// script. Lower case, without spaces, '-' and '_'.
constexpr std::array kProperties = {
    Name{"any", "Any"},
    Name{"alpha", "Alphabetic"},
    Name{"alphabetic", "Alphabetic"},
    Name{"upper", "Uppercase"},
    Name{"uppercase", "Uppercase"},
    Name{"lower", "Lowercase"},
    Name{"lowercase", "Lowercase"},
    Name{"space", "White_Space"},
    Name{"whitespace", "White_Space"},
    Name{"digit", "Nd"},
    Name{"ideographic", "Ideographic"},
    Name{"emoji", "Emoji"},
    Name{"extendedpictographic", "Extended_Pictographic"},
    Name{"letter", "L"},
    Name{"uppercaseletter", "Lu"},
    Name{"lowercaseletter", "Ll"},
    Name{"titlecaseletter", "Lt"},
    Name{"modifierletter", "Lm"},
    Name{"otherletter", "Lo"},
    Name{"mark", "M"},
    Name{"combiningmark", "M"},
    Name{"nonspacingmark", "Mn"},
    Name{"spacingmark", "Mc"},
    Name{"enclosingmark", "Me"},
    Name{"number", "N"},
    Name{"decimalnumber", "Nd"},
    Name{"letternumber", "Nl"},
    Name{"othernumber", "No"},
    Name{"punctuation", "P"},
    Name{"connectorpunctuation", "Pc"},
    Name{"dashpunctuation", "Pd"},
    Name{"openpunctuation", "Ps"},
    Name{"closepunctuation", "Pe"},
    Name{"initialpunctuation", "Pi"},
    Name{"finalpunctuation", "Pf"},
    Name{"otherpunctuation", "Po"},
    Name{"symbol", "S"},
    Name{"mathsymbol", "Sm"},
    Name{"currencysymbol", "Sc"},
    Name{"modifiersymbol", "Sk"},
    Name{"othersymbol", "So"},
    Name{"separator", "Z"},
    Name{"spaceseparator", "Zs"},
    Name{"lineseparator", "Zl"},
    Name{"paragraphseparator", "Zp"},
    Name{"other", "C"},
    Name{"control", "Cc"},
    Name{"format", "Cf"},
    Name{"unassigned", "Cn"},
    Name{"privateuse", "Co"},
};

constexpr std::array kBrackets = {
    Name{"alpha", "\\p{Alphabetic}"},
    Name{"digit", "\\p{Nd}"},
    Name{"alnum", "\\p{Alphabetic}\\p{Nd}"},
    Name{"space", kSpace},
    Name{"upper", "\\p{Uppercase}"},
    Name{"lower", "\\p{Lowercase}"},
    Name{"word", kWord},
    Name{"xdigit", kHexDigit},
    Name{"cntrl", "\\p{Cc}"},
};

std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::optional<std::string_view> find(std::span<const Name> table,
                                     std::string_view name) {
  const auto row = std::find_if(
      table.begin(), table.end(),
      [&](const Name& candidate) { return candidate.oniguruma == name; });
  if (row == table.end()) return std::nullopt;
  return row->pcre2;
}

}  // namespace

std::optional<std::string_view> find_property(std::string_view name) {
  return find(kProperties, folded(name));
}

std::optional<std::string_view> find_posix_bracket(std::string_view name) {
  return find(kBrackets, name);
}

}  // namespace graft::text
