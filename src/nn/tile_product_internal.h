// The matrix product of small blocks in a core's cache: what attention is made
// of. One thread; the callers run side by side. Entry point: tile_product.
// Private to nn.
#pragma once

#include <cstdint>

namespace graft::nn {

// Floats of a vector; columns of a panel (four vectors); rows of a full tile.
inline constexpr std::int64_t kVector = 16;
inline constexpr std::int64_t kPanel = 64;
inline constexpr std::int64_t kTileRows = 6;

// C (rows, columns) = A B, or C + A B. Element (i, k) of A is a[i * a_row + k *
// a_step], so that A may be a transposed view; B (depth, columns) and C are
// row-major with strides b_row and c_row. columns is a multiple of kVector and
// at most kPanel. The additions of one element run over k in order.
struct TileProduct {
  const float* a;
  std::int64_t a_row;
  std::int64_t a_step;
  const float* b;
  std::int64_t b_row;
  float* c;
  std::int64_t c_row;
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t depth;
  bool accumulate;
};
void tile_product(const TileProduct& product);

// Whether this machine has the registers that tile_product is laid out for (32
// of 64 bytes); it is right, and slower, elsewhere.
bool has_wide_registers();

}  // namespace graft::nn
