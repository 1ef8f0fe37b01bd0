// Where A starts. Entry point: initialise_a.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "graft/match/plan.h"

namespace graft {

// Fills `a` (rank, in), fp32 and contiguous on the CPU, from (seed, site
// path): no other site has a say. (experts, rank, in): each expert as its own
// matrix would be, from its number too.
void initialise_a(at::Tensor& a, const Site& site, std::uint64_t seed);

}  // namespace graft
