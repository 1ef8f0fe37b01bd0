// What the parts of a training step take when nothing else is in the way, in
// the process that ran the step. Entry point: time_parts.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "graft/checkpoint/base_model.h"

namespace graft_bench {

struct StepShape {
  std::int64_t tokens = 0;
  std::int64_t rank = 16;  // of each adapter
  double update_s = 0.0;   // clipping and AdamW, as the steps took them
  double step_s = 0.0;     // best step
};

// {"roof_s", "roof_of_step", "parts": {name: seconds a step}}. The roof is the
// best times of LibTorch's products of the model's shapes, of the causal
// attention (graft's or LibTorch's), and of the adapters' products; the other
// parts are what graft does besides. "rest" is what no part accounts for:
// caches that the parts find warm, memory, autograd.
nlohmann::ordered_json time_parts(const graft::BaseModel& base,
                                  const StepShape& shape);

}  // namespace graft_bench
