// Rope types of config.json as frequencies. Entry point: make_rotary_spec.
// Private to checkpoint.
#pragma once

#include <cstdint>

#include "graft/formats/hf/model_config.h"
#include "graft/models/gpt.h"

namespace graft {

RotarySpec make_rotary_spec(const RopeConfig& rope, std::int64_t head_dim);

}  // namespace graft
