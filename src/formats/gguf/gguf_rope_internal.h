// The rotary embedding of a GGUF file. Entry points: read_gguf_rope,
// is_rope_tensor. Private to formats.
#pragma once

#include <string_view>

#include "formats/gguf/gguf_config_internal.h"

namespace graft {

// Sets `rope`, and `sliding_rope` for a family that has one; `out` has head_dim
// and max_positions. Scaling of type llama3 is stored as divisors
// (rope_freqs.weight) and recognised from them, longrope as two tensors of
// divisors. Throws FileError for any other.
void read_gguf_rope(const GgufSource& source, ModelConfig& out);

// A tensor that is part of the configuration and not of the model's weights.
bool is_rope_tensor(std::string_view name);

// The decimal number that was meant: GGUF has 1e-5 as float32.
double shortest_decimal(double value);

}  // namespace graft
