// What tells the layers of a model apart, and its experts. Entry points:
// read_layer_traits, read_experts. Private to formats.
#pragma once

#include "formats/hf/family_internal.h"
#include "formats/hf/json_fields_internal.h"

namespace graft {

// Sets `experts`. Problems go to the fields' list, here and below.
void read_experts(const JsonFields& fields, const ExpertSwitches& switches,
                  ModelConfig& out);

// Sets `layer_traits` and `sliding_window` from the sizes and experts in `out`.
void read_layer_traits(const JsonFields& fields, const Family& family,
                       ModelConfig& out);

}  // namespace graft
