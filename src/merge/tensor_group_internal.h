// Folds the tensors of a checkpoint into groups. Entry point: group_tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/merge/inspect.h"

namespace graft {

// A tensor of a header.
struct ListedTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::int64_t elements = 0;
  std::uint64_t bytes = 0;
};

// Groups in natural order of names: numbers by value, before words.
std::vector<TensorGroup> group_tensors(const std::vector<ListedTensor>& entries,
                                       bool fold);

}  // namespace graft
