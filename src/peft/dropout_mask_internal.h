// Dropout masks as a pure function of a key. Entry point: dropout_mask.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

#include "graft/peft/inject.h"

namespace graft {

// Which mask: the counter's step, and the slot whose input it falls on.
std::uint64_t dropout_key(const DropoutCounter& counter, std::string_view site);

// A tensor like `x` of 0 (with the given probability) and 1 / (1 -
// probability). Element i depends on the key and i alone, on every device.
at::Tensor dropout_mask(const at::Tensor& x, std::uint64_t key,
                        double probability);

// The same from tensor operations, for devices without the CPU kernel.
at::Tensor dropout_mask_by_operations(const at::Tensor& x, std::uint64_t key,
                                      double probability);

}  // namespace graft
