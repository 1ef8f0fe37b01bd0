// The rotary embedding of a GGUF file. Entry point: read_gguf_rope. Private to
// formats.
#pragma once

#include <cstdint>
#include <string>

#include "graft/formats/hf/model_config.h"
#include "graft/io/gguf.h"

namespace graft {

// `prefix` is "ARCHITECTURE."; `config` has head_dim and max_positions. Scaling
// of type llama3 is stored as a tensor of divisors, rope_freqs.weight, and is
// recognised by recomputing them. Throws FileError for any other.
RopeConfig read_gguf_rope(const GgufFile& file, const std::string& prefix,
                          const ModelConfig& config);

// The decimal number that was meant: GGUF has 1e-5 as float32.
double shortest_decimal(double value);

}  // namespace graft
