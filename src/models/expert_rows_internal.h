// How many rows an expert's product is computed on. Entry points: padded_rows,
// padded_lengths. Private to models.
#pragma once

#include <cstdint>

namespace graft {

// At least `rows`, and one of few numbers: oneDNN compiles kernels for each
// number of rows in half types, and keeps them for good. Four to an octave, so
// that at most a quarter is computed in vain; 0 stays 0.
constexpr std::int64_t padded_rows(std::int64_t rows) {
  constexpr std::int64_t kSmallest = 8;
  if (rows <= 0) return 0;
  std::int64_t step = kSmallest;
  while (8 * step < rows) step *= 2;
  return (rows + step - 1) / step * step;
}

// How many different padded_rows there are up to `rows`.
constexpr std::int64_t padded_lengths(std::int64_t rows) {
  std::int64_t count = 0;
  for (std::int64_t n = 1; n <= rows; n = padded_rows(n) + 1) ++count;
  return count;
}

}  // namespace graft
