// Six rows by four vectors stay in registers while k runs: 24 sums, four
// vectors of B and one broadcast element of A at a time.
#include "nn/tile_product_internal.h"

#include <algorithm>
#include <cstring>

#include "nn/row_math_internal.h"

namespace graft::nn {
namespace {

using Vector = float __attribute__((vector_size(kVector * sizeof(float))));

template <int Rows, int Vectors>
GRAFT_INLINE void tile(const TileProduct& p, std::int64_t row) {
  const float* a = p.a + row * p.a_row;
  float* c = p.c + row * p.c_row;
  Vector sums[Rows][Vectors];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      sums[r][v] = Vector{};
      if (p.accumulate) {
        std::memcpy(&sums[r][v], c + r * p.c_row + v * kVector, sizeof(Vector));
      }
    }
  }
  for (std::int64_t k = 0; k < p.depth; ++k) {
    Vector b[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      std::memcpy(&b[v], p.b + k * p.b_row + v * kVector, sizeof(Vector));
    }
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      const float scalar = a[r * p.a_row + k * p.a_step];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sums[r][v] += scalar * b[v];
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      std::memcpy(c + r * p.c_row + v * kVector, &sums[r][v], sizeof(Vector));
    }
  }
}

template <int Vectors>
GRAFT_INLINE void all_rows(const TileProduct& p) {
  std::int64_t row = 0;
  for (; row + kTileRows <= p.rows; row += kTileRows) {
    tile<kTileRows, Vectors>(p, row);
  }
  for (; row + 2 <= p.rows; row += 2) tile<2, Vectors>(p, row);
  for (; row < p.rows; ++row) tile<1, Vectors>(p, row);
}

}  // namespace

GRAFT_CLONES void tile_product(const TileProduct& product) {
  switch (product.columns / kVector) {
    case 1:
      return all_rows<1>(product);
    case 2:
      return all_rows<2>(product);
    case 3:
      return all_rows<3>(product);
    default:
      return all_rows<4>(product);
  }
}

bool has_wide_registers() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
}

}  // namespace graft::nn
