// Plain loops that the compiler vectorises; on x86 each kernel is built for
// three instruction sets and the fitting one is taken at start. Sums run in a
// fixed number of lanes so that they vectorise without reordering.
#include "nn/row_kernels_internal.h"

#include <cmath>

#include "nn/row_math_internal.h"

namespace graft::nn {
namespace {

constexpr std::int64_t kGluPiece = 64;  // elements

template <typename T>
GRAFT_INLINE void norm_all(const NormRows<T>& in, T* y, float* rstd) {
  const std::int64_t n = in.n;
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const T* x = in.x + row * n;
    if (in.delta != nullptr) {
      const T* delta = in.delta + row * n;
      T* sum = in.sum + row * n;
      for (std::int64_t i = 0; i < n; ++i) {
        store(sum + i, load(x + i) + load(delta + i));
      }
      x = sum;
    }
    const float squares = sum_lanes(n, [x](std::int64_t i) {
      const float value = load(x + i);
      return value * value;
    });
    const float scale =
        1.0F / std::sqrt(squares / static_cast<float>(n) + in.eps);
    rstd[row] = scale;
    T* out = y + row * n;
    for (std::int64_t i = 0; i < n; ++i) {
      store(out + i, rounded<T>(load(x + i) * scale) * in.weight[i]);
    }
  }
}

// dx = rstd (w dy - x rstd^2 mean(w dy x)).
template <typename T>
GRAFT_INLINE void norm_all_backward(const NormRows<T>& in, const float* rstd,
                                    const T* dy, T* dx) {
  const std::int64_t n = in.n;
  const float* weight = in.weight;
  for (std::int64_t row = 0; row < in.rows; ++row) {
    const T* x = in.x + row * n;
    const T* g = dy + row * n;
    const float dot = sum_lanes(n, [x, g, weight](std::int64_t i) {
      return load(g + i) * weight[i] * load(x + i);
    });
    const float scale = rstd[row];
    const float shift = dot * scale * scale / static_cast<float>(n);
    T* out = dx + row * n;
    for (std::int64_t i = 0; i < n; ++i) {
      store(out + i, scale * (load(g + i) * weight[i] - load(x + i) * shift));
    }
    if (in.carried == nullptr) continue;
    const T* carried = in.carried + row * n;
    for (std::int64_t i = 0; i < n; ++i) {
      store(out + i, load(out + i) + load(carried + i));
    }
  }
}

template <typename T>
GRAFT_INLINE void swiglu_all(GluShape shape, const T* gate_up, T* y) {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    const T* gate = gate_up + row * 2 * shape.n;
    const T* up = gate + shape.n;
    T* out = y + row * shape.n;
    for (std::int64_t i = 0; i < shape.n; ++i) {
      const float g = load(gate + i);
      store(out + i, rounded<T>(g * sigmoid(g)) * load(up + i));
    }
  }
}

// A few elements of a row. Through buffers of its own, so that the compiler
// need not prove that five rows of half floats do not overlap.
template <typename T>
GRAFT_INLINE void swiglu_piece_backward(std::int64_t n, const T* gate,
                                        const T* up, const T* out, T* d_gate,
                                        T* d_up) {
  float d_gates[kGluPiece];
  float d_ups[kGluPiece];
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = load(gate + i);
    const float d = load(out + i);
    const float s = sigmoid(g);
    const float silu = g * s;
    d_gates[i] = d * load(up + i) * (s + silu * (1.0F - s));
    d_ups[i] = d * silu;
  }
  for (std::int64_t i = 0; i < n; ++i) store(d_gate + i, d_gates[i]);
  for (std::int64_t i = 0; i < n; ++i) store(d_up + i, d_ups[i]);
}

template <typename T>
GRAFT_INLINE void swiglu_all_backward(GluShape shape, const T* gate_up,
                                      const T* dy, T* d_gate_up) {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    const T* gate = gate_up + row * 2 * shape.n;
    const T* up = gate + shape.n;
    const T* out = dy + row * shape.n;
    T* d_gate = d_gate_up + row * 2 * shape.n;
    T* d_up = d_gate + shape.n;
    std::int64_t i = 0;
    for (; i + kGluPiece <= shape.n; i += kGluPiece) {
      swiglu_piece_backward(kGluPiece, gate + i, up + i, out + i, d_gate + i,
                            d_up + i);
    }
    swiglu_piece_backward(shape.n - i, gate + i, up + i, out + i, d_gate + i,
                          d_up + i);
  }
}

template <typename T>
GRAFT_INLINE void rotate_all(const RotatedHeads& in, T* x) {
  const std::int64_t half = in.half;
  for (std::int64_t head = 0; head < in.heads; ++head) {
    T* first = x + head * in.stride;
    T* second = first + half;
    for (std::int64_t i = 0; i < half; ++i) {
      const float a = load(first + i);
      const float b = load(second + i);
      const float cos = rounded<T>(in.cos[i]);
      const float sin = rounded<T>(in.sin[i]);
      store(first + i, rounded<T>(a * cos) - rounded<T>(b * sin));
      store(second + i, rounded<T>(b * cos) + rounded<T>(a * sin));
    }
  }
}

template <typename T>
GRAFT_INLINE void cross_entropy_all(const LossRows& in, T* logits,
                                    double* loss) {
  const std::int64_t n = in.n;
  for (std::int64_t row = 0; row < in.rows; ++row) {
    T* x = logits + row * n;
    const float most = largest(x, n);
    const float total = sum_lanes(n, [x, most](std::int64_t i) {
      return exponential(load(x + i) - most);
    });
    T* hit = x + in.target[row];
    const float margin = load(hit) - most;
    loss[row] = static_cast<double>(std::log(total)) - margin;
    if (!in.gradient) continue;
    const float inverse = 1.0F / total;
    for (std::int64_t i = 0; i < n; ++i) {
      store(x + i, exponential(load(x + i) - most) * inverse);
    }
    store(hit, exponential(margin) * inverse - 1.0F);
  }
}

}  // namespace

GRAFT_CLONES void norm_rows(const NormRows<float>& in, float* y, float* rstd) {
  norm_all(in, y, rstd);
}
GRAFT_CLONES void norm_rows(const NormRows<Bf16>& in, Bf16* y, float* rstd) {
  norm_all(in, y, rstd);
}
GRAFT_CLONES void norm_rows_backward(const NormRows<float>& in,
                                     const float* rstd, const float* dy,
                                     float* dx) {
  norm_all_backward(in, rstd, dy, dx);
}
GRAFT_CLONES void norm_rows_backward(const NormRows<Bf16>& in,
                                     const float* rstd, const Bf16* dy,
                                     Bf16* dx) {
  norm_all_backward(in, rstd, dy, dx);
}
GRAFT_CLONES void swiglu_rows(GluShape shape, const float* gate_up, float* y) {
  swiglu_all(shape, gate_up, y);
}
GRAFT_CLONES void swiglu_rows(GluShape shape, const Bf16* gate_up, Bf16* y) {
  swiglu_all(shape, gate_up, y);
}
GRAFT_CLONES void swiglu_rows_backward(GluShape shape, const float* gate_up,
                                       const float* dy, float* d_gate_up) {
  swiglu_all_backward(shape, gate_up, dy, d_gate_up);
}
GRAFT_CLONES void swiglu_rows_backward(GluShape shape, const Bf16* gate_up,
                                       const Bf16* dy, Bf16* d_gate_up) {
  swiglu_all_backward(shape, gate_up, dy, d_gate_up);
}
GRAFT_CLONES void rotate_heads(const RotatedHeads& in, float* x) {
  rotate_all(in, x);
}
GRAFT_CLONES void rotate_heads(const RotatedHeads& in, Bf16* x) {
  rotate_all(in, x);
}
GRAFT_CLONES void cross_entropy_rows(const LossRows& in, float* logits,
                                     double* loss) {
  cross_entropy_all(in, logits, loss);
}
GRAFT_CLONES void cross_entropy_rows(const LossRows& in, Bf16* logits,
                                     double* loss) {
  cross_entropy_all(in, logits, loss);
}

}  // namespace graft::nn
