// The plain part of Python's `re`: what is a regular language and means the
// same to every engine (literals, dots, classes, groups, choices, `* + ?`, and
// \d \w \s on ASCII names). Entry points: read_plain_megatron,
// read_plain_regex. All else is left to PatternRegex.
#pragma once

#include <string_view>

#include "match/pattern_tree_internal.h"

namespace graft {

// Replaces `tree` by the reference's reading of a megatron pattern: every `*`
// is `(.*)`. False when the pattern is not plain, or not a pattern at all;
// `tree` is of no use then.
bool read_plain_megatron(std::string_view pattern, PatternTree& tree);

// A regular expression that stands for the whole of a name.
bool read_plain_regex(std::string_view pattern, PatternTree& tree);

}  // namespace graft
