// Shows a malformed pattern with a caret under the place. Entry point:
// marked_pattern.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace graft {

// Two indented lines, "\n    a[b\n     ^": the pattern around byte `at` (at
// most some 60 characters of it) and the caret. Line breaks and other control
// characters are shown as '.'.
std::string marked_pattern(std::string_view pattern, std::size_t at);

// The pattern between quotes; a long one is cut in the middle.
std::string quoted_pattern(std::string_view pattern);

}  // namespace graft
