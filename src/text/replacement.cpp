// Matches are found first, then the text is written anew around them.
#include "text/replacement_internal.h"

#include <utility>

namespace graft::text {
namespace {

Regex compile_part(const Part& pattern, const char* key, Regex::Syntax syntax) {
  try {
    return Regex(pattern.text(key), syntax, pattern.label());
  } catch (const PatternError& error) {
    pattern.fail(error.what());
  }
}

}  // namespace

Regex read_part_pattern(const Part& part) {
  const Part pattern = part.child("pattern");
  if (pattern.has("String")) {
    return compile_part(pattern, "String", Regex::Syntax::kLiteral);
  }
  return compile_part(pattern, "Regex", Regex::Syntax::kOniguruma);
}

Replacement::Replacement(const Part& part)
    : regex_(read_part_pattern(part)), content_(part.text("content")) {}

std::string Replacement::apply(std::string_view text) const {
  std::string out;
  std::size_t at = 0;
  for (const ByteRange& match : regex_.find_all(text)) {
    out += text.substr(at, match.begin - at);
    out += content_;
    at = match.end;
  }
  out += text.substr(at);
  return out;
}

}  // namespace graft::text
