// The softmax of causal attention, forward and backward, row by row.
#include "nn/attention_kernels_internal.h"

#include <algorithm>
#include <cmath>

#include "nn/row_math_internal.h"

namespace graft::nn {

GRAFT_CLONES void causal_softmax(const ScoreBlock& block, float* log_sum) {
  const float scale = block.scale;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    float* x = block.scores + row * block.width;
    const std::int64_t seen = block.first + row + 1;
    const float most = largest(x, seen);
    for (std::int64_t i = 0; i < seen; ++i) {
      x[i] = exponential(scale * (x[i] - most));
    }
    const float total = sum_lanes(seen, [x](std::int64_t i) { return x[i]; });
    log_sum[row] = scale * most + std::log(total);
    const float inverse = 1.0F / total;
    for (std::int64_t i = 0; i < seen; ++i) x[i] *= inverse;
    std::fill(x + seen, x + block.width, 0.0F);
  }
}

GRAFT_CLONES void causal_softmax_backward(const ScoreBlock& block,
                                          const ScoreGradient& in) {
  const float scale = block.scale;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    float* x = block.scores + row * block.width;
    float* g = in.gradient + row * block.width;
    const std::int64_t seen = block.first + row + 1;
    const float log_sum = in.log_sum[row];
    const float delta = in.delta[row];
    for (std::int64_t i = 0; i < seen; ++i) {
      const float probability = exponential(scale * x[i] - log_sum);
      g[i] = scale * probability * (g[i] - delta);
      x[i] = probability;
    }
    std::fill(x + seen, x + block.width, 0.0F);
    std::fill(g + seen, g + block.width, 0.0F);
  }
}

}  // namespace graft::nn
