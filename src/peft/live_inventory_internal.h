// One module of a live tree as selection sees it. Entry
// points: describe_module, count_parameters.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "graft/match/module_info.h"
#include "peft/module_walk_internal.h"

namespace graft {

// Counts weights that several modules share once, at the first of them.
class ParameterCounter {
 public:
  std::uint64_t count_direct(const torch::nn::Module& module);

 private:
  std::uint64_t count_new(const void* weight, std::int64_t elements);
  std::unordered_set<const void*> seen_;
};

// All fields but same_as.
ModuleInfo describe_module(const WalkStep& step, ParameterCounter& counter);

// Parameters of the base, shared ones once, adapters not.
std::uint64_t count_parameters(const torch::nn::Module& model);

}  // namespace graft
