// Row-wise CPU kernels of causal attention on one block of scores in fp32.
// Private to nn.
#pragma once

#include <cstdint>

namespace graft::nn {

// q k^T of `rows` successive queries against the keys from 0 on, before
// scaling. Row i is query `first` + i and sees keys 0..first + i; `width` is
// the number of columns in use and the stride.
struct ScoreBlock {
  float* scores;  // (rows, width), overwritten
  std::int64_t rows;
  std::int64_t width;
  std::int64_t first;
  float scale;
};

// The scores become softmax(scale * scores) over the keys that are seen, zero
// elsewhere. log_sum (rows) keeps the logarithm of the sum of e^(scale *
// score).
void causal_softmax(const ScoreBlock& block, float* log_sum);

struct ScoreGradient {
  const float* log_sum;  // (rows), of causal_softmax
  const float* delta;    // (rows): sum over the output of dy * y
  float* gradient;       // (rows, width), overwritten
};

// From the scores again: they become probabilities, and the gradient of the
// probabilities becomes scale * probability * (gradient - delta), that of
// q k^T.
void causal_softmax_backward(const ScoreBlock& block, const ScoreGradient& in);

}  // namespace graft::nn
