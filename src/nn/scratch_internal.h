// The one reused buffer into which stored weights are converted before a
// product. Entry point: scratch_floats. Private to nn.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace graft::nn {

// Rows of at most this many elements in all are converted at a time (16 MiB
// of fp32): large enough for full GEMM speed, small enough to stay in cache.
constexpr std::int64_t kScratchElements = std::int64_t{4} << 20;

// An fp32 tensor (rows, columns) with undefined contents. On the CPU it is a
// view of this thread's buffer and is valid until the next call on the same
// thread; elsewhere it comes from the device's caching allocator.
at::Tensor scratch_floats(std::int64_t rows, std::int64_t columns,
                          at::Device device);

}  // namespace graft::nn
