// Experts, sliding windows and layers without rope of a GGUF file. Entry
// points: read_gguf_experts, read_gguf_layers. Private to formats.
#pragma once

#include "formats/gguf/gguf_config_internal.h"

namespace graft {

// Sets `experts` from the sizes in `out`. Throws FileError as
// read_gguf_config does, here and below.
void read_gguf_experts(const GgufSource& source, ModelConfig& out);

// Sets `sliding_window` and `layer_traits` from the sizes and experts in `out`.
// Every layer that has experts is known to hold a router of their number, so
// that a forged count makes no large tables.
void read_gguf_layers(const GgufSource& source, ModelConfig& out);

}  // namespace graft
