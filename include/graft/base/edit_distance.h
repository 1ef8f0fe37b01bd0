// Nearest names for error messages. Entry points: edit_distance,
// nearest_names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

// Damerau-Levenshtein distance (optimal string alignment) in bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

// At most `count` candidates, nearest first (ties in the given order), none
// farther than half the length of `word` rounded up.
std::vector<std::string> nearest_names(std::string_view word,
                                       std::span<const std::string> candidates,
                                       std::size_t count);

}  // namespace graft
