// Row-wise CPU kernels over contiguous rows of fp32 or bf16, arithmetic in
// fp32: norm, SwiGLU, rotation, cross-entropy. Private to nn; callers divide
// the rows among threads. One thread's rows give the same bits on every run.
#pragma once

#include <cstdint>

#include "nn/row_math_internal.h"

namespace graft::nn {

template <typename T>
struct NormRows {
  const T* x;           // (rows, n)
  const float* weight;  // (n)
  float eps;
  std::int64_t rows;
  std::int64_t n;
  // Forward: when `delta` (rows, n) is given, x + delta is normalised and kept
  // in `sum` (rows, n).
  const T* delta = nullptr;
  T* sum = nullptr;
  // Backward: added to dx (rows, n) when given.
  const T* carried = nullptr;
};
// y (rows, n); rstd (rows) keeps 1 / sqrt(mean(x^2) + eps).
void norm_rows(const NormRows<float>& in, float* y, float* rstd);
void norm_rows(const NormRows<Bf16>& in, Bf16* y, float* rstd);
// dx (rows, n) from dy (rows, n).
void norm_rows_backward(const NormRows<float>& in, const float* rstd,
                        const float* dy, float* dx);
void norm_rows_backward(const NormRows<Bf16>& in, const float* rstd,
                        const Bf16* dy, Bf16* dx);

struct GluShape {
  std::int64_t rows;
  std::int64_t n;
};
// y (rows, n) = silu(gate) * up of rows [gate | up] (rows, 2 n).
void swiglu_rows(GluShape shape, const float* gate_up, float* y);
void swiglu_rows(GluShape shape, const Bf16* gate_up, Bf16* y);
// d_gate_up (rows, 2 n) from dy (rows, n).
void swiglu_rows_backward(GluShape shape, const float* gate_up, const float* dy,
                          float* d_gate_up);
void swiglu_rows_backward(GluShape shape, const Bf16* gate_up, const Bf16* dy,
                          Bf16* d_gate_up);

// Turns `heads` vectors of 2 * half elements at x, `stride` elements apart, in
// place: (a, b) -> (a cos - b sin, b cos + a sin) with a, b the two halves.
struct RotatedHeads {
  std::int64_t heads;
  std::int64_t half;
  std::int64_t stride;
  const float* cos;  // (half)
  const float* sin;  // (half)
};
void rotate_heads(const RotatedHeads& in, float* x);
void rotate_heads(const RotatedHeads& in, Bf16* x);

// loss[row] = cross-entropy of the row of logits (rows, n) against
// target[row]. With `gradient` the logits become softmax - onehot.
struct LossRows {
  const std::int64_t* target;
  std::int64_t rows;
  std::int64_t n;
  bool gradient;
};
void cross_entropy_rows(const LossRows& in, float* logits, double* loss);
void cross_entropy_rows(const LossRows& in, Bf16* logits, double* loss);

}  // namespace graft::nn
