// graft's glob, read into a PatternTree. Entry points: parse_glob,
// is_glob_literal. Grammar: docs/matching.md.
#pragma once

#include <string_view>

#include "match/pattern_tree_internal.h"

namespace graft {

// Replaces `tree`. Throws ConfigError for a regular expression and for
// malformed classes, braces and ranges, with a caret under the place.
void parse_glob(std::string_view text, PatternTree& tree);

// The pattern holds no special character: it matches only itself.
bool is_glob_literal(std::string_view text);

}  // namespace graft
