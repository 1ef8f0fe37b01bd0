// Literal endings of module paths joined into regular expressions:
// "3.mlp.up_proj", "4.mlp.up_proj" -> "(3|4)\\.mlp\\.up_proj". Entry point:
// merge_tails.
#pragma once

#include <string>
#include <vector>

namespace graft {

// Expressions that match exactly the given texts, each repetition once.
// Endings that differ in one number, then in their last part, are joined; an
// ending that nothing joins stays as it is, with its dots escaped.
std::vector<std::string> merge_tails(std::vector<std::string> tails);

}  // namespace graft
