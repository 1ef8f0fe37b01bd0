// Megatron's naming rules about experts, on full module names. Entry points:
// is_expert_linear, is_grouped_expert_linear, keeps_fc1_whole.
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
