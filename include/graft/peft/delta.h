// The LoRA formula on live tensors. Entry points: lora_delta, merged_rows. The
// same formula on files is in merge; one test pins the two to each other.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "graft/base/row_set.h"
#include "graft/nn/linear_slot.h"
#include "graft/peft/inject.h"

namespace graft {

// scale * B A in fp32: (rows, in).
at::Tensor lora_delta(const at::Tensor& a, const at::Tensor& b, double scale);

// Rows of the slot's base weight plus the deltas of its adapters, fp32 (rows,
// in): what merging would store, before rounding. Adapters that are switched
// off count as well.
at::Tensor merged_rows(const nn::LinearSlot& slot, RowSet rows);

}  // namespace graft
