// A shuffle that depends on (seed, stream) alone, the same on every platform.
// Entry point: shuffle.
#pragma once

#include <cstdint>
#include <vector>

namespace graft::training {

// Fisher-Yates over a counter-based generator.
void shuffle(std::vector<std::int64_t>& values, std::uint64_t seed,
             std::uint64_t stream);

}  // namespace graft::training
