// Which rows share a sequence. Entry point: pack_rows. Private to train.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace graft::training {

// First-fit decreasing: the longest row first, each into the first pack that
// has room, in packs of at most `capacity` tokens; a longer row is a pack of
// its own. The same rows in the same order give the same packs.
std::vector<std::vector<std::int64_t>> pack_rows(
    std::vector<std::int64_t> rows,
    const std::function<std::int64_t(std::int64_t row)>& length,
    std::int64_t capacity);

}  // namespace graft::training
