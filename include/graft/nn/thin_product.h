// Matrix products with one short side, as adapters make them: a rank of 8 to
// 64 beside thousands of rows. Entry point: thin_product.
#pragma once

#include <ATen/core/Tensor.h>

namespace graft::nn {

struct ThinProduct {
  at::Tensor a;  // (m, k)
  at::Tensor b;  // (k, n)
  double scale = 1.0;
  bool accumulate = false;
};

// c = scale * a b, or c + scale * a b when accumulating. a, b and c (m, n) are
// matrices of one type, any strides, c no view of a or b; nothing is tracked.
// In fp32 on CPUs with registers of 64 bytes these are own kernels, each sum
// runs over k in order, and the result does not depend on the number of
// threads; elsewhere it is LibTorch's product.
void thin_product(const ThinProduct& product, const at::Tensor& c);

}  // namespace graft::nn
