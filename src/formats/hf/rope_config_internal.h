// The rotary embedding's part of config.json. Entry point: read_rope_config.
#pragma once

#include "formats/hf/family_internal.h"
#include "formats/hf/json_fields_internal.h"

namespace graft {

// Sets `rope`, and `sliding_rope` for a family that has one, from the whole
// config.json (or its text_config) and the sizes in `out`. Problems are added
// to the fields' list.
void read_rope_config(const JsonFields& config, const FamilySwitches& switches,
                      ModelConfig& out);

}  // namespace graft
