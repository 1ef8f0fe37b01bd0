// Decodes rows of stored (quantised or reordered) weights on all threads; each
// row by itself, so that the result does not depend on their number. Entry
// points: decode_rows, decode_some_rows. Private to nn.
#pragma once

#include <ATen/core/Tensor.h>

#include "graft/base/row_set.h"
#include "graft/base/stored_tensor.h"

namespace graft::nn {

// target: rows.size() * columns floats.
void decode_rows(const StoredTensor& stored, RowSet rows, float* target);

// Rows `indices` (N, int64, within the tensor) as (N, columns) fp32.
at::Tensor decode_some_rows(const StoredTensor& stored,
                            const at::Tensor& indices);

}  // namespace graft::nn
