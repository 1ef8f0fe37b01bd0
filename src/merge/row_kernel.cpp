// Vector code in GCC's and Clang's portable vector types: the same functions
// are inlined into a plain and an AVX2 version. Entry point: row_kernel.
#include "merge/row_kernel_internal.h"

#include <cmath>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define GRAFT_TARGET_AVX2 __attribute__((target("avx2")))
#else
#define GRAFT_TARGET_AVX2
#endif
#define GRAFT_INLINE __attribute__((always_inline)) inline

namespace graft {
namespace {

constexpr int kVectorBytes = 32;
constexpr int kTileRows = 4;
constexpr int kTileVectors = 2;

template <typename T>
using Vector __attribute__((vector_size(kVectorBytes))) = T;

template <typename T>
constexpr std::int64_t kLanes = kVectorBytes / sizeof(T);

template <typename T, typename V>
GRAFT_INLINE void load(const T* source, V& out) {
  std::memcpy(&out, source, kVectorBytes);
}

template <typename T, typename V>
GRAFT_INLINE void store(const V& value, T* target) {
  std::memcpy(target, &value, kVectorBytes);
}

// kRows rows and kTileVectors vectors of columns, kept in registers.
template <typename T, int kRows>
GRAFT_INLINE void add_tile(const ProductArguments<T>& args, const T* b,
                           std::int64_t column, T* target) {
  Vector<T> sums[kRows][kTileVectors] = {};
  for (std::int64_t k = 0; k < args.rank; ++k) {
    for (int v = 0; v < kTileVectors; ++v) {
      Vector<T> a;
      load(args.a + k * args.in + column + v * kLanes<T>, a);
      for (int row = 0; row < kRows; ++row) {
        sums[row][v] += b[row * args.rank + k] * a;
      }
    }
  }
  for (int row = 0; row < kRows; ++row) {
    for (int v = 0; v < kTileVectors; ++v) {
      T* place = target + row * args.in + column + v * kLanes<T>;
      Vector<T> value;
      load(place, value);
      value += args.scale * sums[row][v];
      store(value, place);
    }
  }
}

template <typename T, int kRows>
GRAFT_INLINE void add_rows(const ProductArguments<T>& args, std::int64_t row) {
  const T* b = args.b + row * args.rank;
  T* target = args.target + row * args.in;
  constexpr std::int64_t kStep = kLanes<T> * kTileVectors;
  std::int64_t column = 0;
  for (; column + kStep <= args.in; column += kStep) {
    add_tile<T, kRows>(args, b, column, target);
  }
  for (; column < args.in; ++column) {
    for (int i = 0; i < kRows; ++i) {
      T sum = 0;
      for (std::int64_t k = 0; k < args.rank; ++k) {
        sum += b[i * args.rank + k] * args.a[k * args.in + column];
      }
      target[i * args.in + column] += args.scale * sum;
    }
  }
}

template <typename T>
GRAFT_INLINE void add_product_body(const ProductArguments<T>& args) {
  std::int64_t row = 0;
  for (; row + kTileRows <= args.count; row += kTileRows) {
    add_rows<T, kTileRows>(args, row);
  }
  for (; row < args.count; ++row) add_rows<T, 1>(args, row);
}

template <typename T>
GRAFT_INLINE double sum_lanes(const Vector<T>& lanes) {
  double sum = 0.0;
  for (int i = 0; i < kLanes<T>; ++i) sum += static_cast<double>(lanes[i]);
  return sum;
}

template <typename T>
GRAFT_INLINE SumSquares<T> add_delta_body(const T* delta, std::int64_t count,
                                          T* base) {
  Vector<T> base_squares = {};
  Vector<T> delta_squares = {};
  Vector<T> zeros = {};  // a NaN as soon as a result is not finite
  std::int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    Vector<T> w;
    Vector<T> d;
    load(base + i, w);
    load(delta + i, d);
    base_squares += w * w;
    delta_squares += d * d;
    w += d;
    zeros += w * T{0};
    store(w, base + i);
  }
  SumSquares<T> out{.base = sum_lanes<T>(base_squares),
                    .delta = sum_lanes<T>(delta_squares)};
  double zero = sum_lanes<T>(zeros);
  for (; i < count; ++i) {
    out.base += static_cast<double>(base[i] * base[i]);
    out.delta += static_cast<double>(delta[i] * delta[i]);
    base[i] += delta[i];
    zero += static_cast<double>(base[i] * T{0});
  }
  out.finite = zero == 0.0;
  return out;
}

template <typename T>
GRAFT_INLINE Rounding compare_body(const T* stored, const T* exact,
                                   std::int64_t count) {
  Vector<T> largest = {};
  Vector<T> zeros = {};
  std::int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    Vector<T> a;
    Vector<T> b;
    load(stored + i, a);
    load(exact + i, b);
    zeros += a * T{0};
    const Vector<T> difference = a > b ? a - b : b - a;
    largest = difference > largest ? difference : largest;
  }
  Rounding out;
  double zero = sum_lanes<T>(zeros);
  for (int lane = 0; lane < kLanes<T>; ++lane) {
    out.largest = std::fmax(out.largest, static_cast<double>(largest[lane]));
  }
  for (; i < count; ++i) {
    zero += static_cast<double>(stored[i] * T{0});
    out.largest = std::fmax(
        out.largest, static_cast<double>(std::fabs(stored[i] - exact[i])));
  }
  out.finite = zero == 0.0;
  return out;
}

template <typename T>
struct Plain {
  static void add_product(const ProductArguments<T>& args) {
    add_product_body(args);
  }
  static SumSquares<T> add_delta(const T* delta, std::int64_t count, T* base) {
    return add_delta_body(delta, count, base);
  }
  static Rounding compare(const T* stored, const T* exact, std::int64_t count) {
    return compare_body(stored, exact, count);
  }
};

template <typename T>
struct Avx2 {
  GRAFT_TARGET_AVX2 static void add_product(const ProductArguments<T>& args) {
    add_product_body(args);
  }
  GRAFT_TARGET_AVX2 static SumSquares<T> add_delta(const T* delta,
                                                   std::int64_t count,
                                                   T* base) {
    return add_delta_body(delta, count, base);
  }
  GRAFT_TARGET_AVX2 static Rounding compare(const T* stored, const T* exact,
                                            std::int64_t count) {
    return compare_body(stored, exact, count);
  }
};

template <typename T, template <typename> typename Version>
constexpr RowKernel<T> kKernel{Version<T>::add_product, Version<T>::add_delta,
                               Version<T>::compare};

bool has_avx2() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

template <typename T>
const RowKernel<T>& choose() {
  static const bool fast = has_avx2();
  return fast ? kKernel<T, Avx2> : kKernel<T, Plain>;
}

}  // namespace

template <>
const RowKernel<float>& row_kernel<float>() {
  return choose<float>();
}

template <>
const RowKernel<double>& row_kernel<double>() {
  return choose<double>();
}

}  // namespace graft
