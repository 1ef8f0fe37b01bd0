// Folds the tensors of a checkpoint into groups. Entry point: group_tensors.
#pragma once

#include <vector>

#include "graft/io/safetensors.h"
#include "graft/merge/inspect.h"

namespace graft {

// Groups in natural order of names: numbers by value, before words.
std::vector<TensorGroup> group_tensors(const std::vector<TensorEntry>& entries,
                                       bool fold);

}  // namespace graft
