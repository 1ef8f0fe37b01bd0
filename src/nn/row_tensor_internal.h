// Lets the row kernels run over tensors: chooses the element type and divides
// the rows among threads. Entry points: has_row_kernels, for_row_ranges.
// Private to nn.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "nn/row_kernels_internal.h"

#if AT_PARALLEL_OPENMP && !defined(_OPENMP)
#error "compile with OpenMP: at::parallel_for would run on one thread"
#endif

namespace graft::nn {

// True when the kernels serve x: fp32 or bf16 on the CPU. Everything else runs
// through ATen.
inline bool has_row_kernels(const at::Tensor& x) {
  return x.is_cpu() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

template <typename T>
const T* row_data(const at::Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}
template <typename T>
T* mutable_row_data(const at::Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

// run(tag, begin, end) over ranges of `rows` in parallel, `tag` a T{} of x's
// element type; `width` elements are touched per row.
template <typename Run>
void for_row_ranges(const at::Tensor& x, std::int64_t rows, std::int64_t width,
                    Run run) {
  constexpr std::int64_t kGrain = 32768;  // elements worth a thread
  const std::int64_t grain =
      std::max<std::int64_t>(kGrain / std::max<std::int64_t>(width, 1), 1);
  const bool is_float = x.scalar_type() == at::kFloat;
  at::parallel_for(0, rows, grain, [&](std::int64_t begin, std::int64_t end) {
    if (is_float) {
      run(float{}, begin, end);
    } else {
      run(Bf16{}, begin, end);
    }
  });
}

}  // namespace graft::nn
