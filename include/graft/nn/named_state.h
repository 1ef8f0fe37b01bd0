// Named tensors and scalars: what resume saves of the optimizer, the random
// generators and the data order. Entry point: NamedState.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

namespace graft::nn {

struct NamedState {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::int64_t> integers;
  std::map<std::string, double> reals;  // saved bit for bit
  std::map<std::string, std::string> texts;
};

}  // namespace graft::nn
