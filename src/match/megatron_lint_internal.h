// Where syntax megatron, whose dots are any character, and the literal reading
// of the same entry disagree. Entry points: lint_megatron, dot_warnings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/match/plan.h"

namespace graft {

// Every target and exclude in syntax megatron, on every name of every linear
// layer in both worlds; entries without a difference are left out. The literal
// reading of a glob is the glob; that of a regular expression has a backslash
// before each dot that stands alone (no quantifier after it, in no class).
std::vector<DotDifference> lint_megatron(const Inventory& inventory,
                                         const std::vector<Rule>& rules);

// One sentence a side, folded by layers and experts.
std::vector<std::string> dot_warnings(
    const std::vector<DotDifference>& differences);

// "a.b+.c[.]" -> "a\.b+\.c[.]"; the text itself when no dot stands alone.
std::string with_literal_dots(std::string_view pattern);

}  // namespace graft
