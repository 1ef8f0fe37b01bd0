// The rotary embedding's part of config.json. Entry point: read_rope_config.
#pragma once

#include <cstdint>

#include "formats/hf/json_fields_internal.h"
#include "graft/formats/hf/model_config.h"

namespace graft {

// `config` is the whole config.json. Problems are added to its list.
RopeConfig read_rope_config(const JsonFields& config,
                            std::int64_t max_positions);

}  // namespace graft
