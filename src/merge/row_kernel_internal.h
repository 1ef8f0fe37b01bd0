// Arithmetic on rows of floats, compiled for plain and for AVX2 processors.
// Entry point: row_kernel. Both give the same bits: products and sums are
// rounded apart and lanes are added in one order.
#pragma once

#include <cstdint>

namespace graft {

// Rows of B (count, rank) times A (rank, in), added to target (count, in).
template <typename T>
struct ProductArguments {
  const T* a;
  const T* b;
  T* target;
  std::int64_t count;
  std::int64_t rank;
  std::int64_t in;
  T scale;
};

template <typename T>
struct SumSquares {
  double base = 0.0;
  double delta = 0.0;
  bool finite = true;
};

struct Rounding {
  double largest = 0.0;
  bool finite = true;
};

template <typename T>
struct RowKernel {
  void (*add_product)(const ProductArguments<T>&);
  // base[i] += delta[i]; squares of both before that.
  SumSquares<T> (*add_delta)(const T* delta, std::int64_t count, T* base);
  // Largest |stored[i] - exact[i]|.
  Rounding (*compare)(const T* stored, const T* exact, std::int64_t count);
};

// The fastest that this processor runs. T is float or double.
template <typename T>
const RowKernel<T>& row_kernel();

}  // namespace graft
