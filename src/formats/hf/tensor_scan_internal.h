// Looks through every element of a tensor without decoding it. Entry points:
// is_all_finite, is_all_zero.
#pragma once

#include "graft/base/host_tensor.h"

namespace graft {

// Both need a computable dtype; other dtypes count as finite and not zero.
bool is_all_finite(const HostTensor& tensor);
bool is_all_zero(const HostTensor& tensor);

}  // namespace graft
