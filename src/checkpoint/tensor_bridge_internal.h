// Element types of files and of LibTorch, and file tensors seen as LibTorch
// tensors without a copy. Entry points: to_scalar_type, map_tensor. Private to
// checkpoint.
#pragma once

#include <ATen/core/Tensor.h>

#include "graft/base/dtype.h"
#include "graft/base/host_tensor.h"

namespace graft {

at::ScalarType to_scalar_type(DType dtype);
// Throws ConfigError for a type that files do not know.
DType from_scalar_type(at::ScalarType type);

// A tensor over the same bytes, which it keeps alive; never write to it. When
// the last use of it goes, so do the pages of a mapped file. Bytes that are not
// aligned to the element size are copied.
at::Tensor map_tensor(const HostTensor& tensor);

}  // namespace graft
