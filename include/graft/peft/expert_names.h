// The reference's naming rules about experts, on full module names: matching
// names is what the matcher is for, so they stand beside it, answer as the
// vectors say, and are for programs that port its rules. graft itself reads
// one: keeps_fc1_whole, where CanonicalLora would ask a layer for its parts.
// Entry points: is_expert_linear, is_grouped_expert_linear, keeps_fc1_whole.
#pragma once

#include <string_view>

namespace graft {

// `...mlp.<...experts...>.linear_fc1|2`, shared experts aside.
bool is_expert_linear(std::string_view full_name);

// An expert linear that is not one of a list (`local_experts.N`).
bool is_grouped_expert_linear(std::string_view full_name);

// Where CanonicalLora leaves an fc1 layer in one piece: vision towers and
// grouped experts.
bool keeps_fc1_whole(std::string_view full_name);

}  // namespace graft
