// One module of a live tree as selection sees it. Entry
// points: describe_module, count_parameters.
#pragma once

#include "graft/match/module_info.h"
#include "peft/module_walk_internal.h"

namespace graft {

// All fields but same_as.
ModuleInfo describe_module(const WalkStep& step);

// Parameters of the base, shared ones once, adapters not.
std::uint64_t count_parameters(const torch::nn::Module& model);

}  // namespace graft
