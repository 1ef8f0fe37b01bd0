// graft's glob once more, as plainly as it can be said: braces are expanded
// to lists of patterns, each tried by backtracking. Shares no code with
// src/match. For short, well-formed patterns and short names.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace graft::test {

// Nothing when the braces stand for more than `limit` patterns.
std::optional<bool> naive_glob_matches(std::string_view pattern,
                                       std::string_view name,
                                       std::size_t limit = 256);

}  // namespace graft::test
