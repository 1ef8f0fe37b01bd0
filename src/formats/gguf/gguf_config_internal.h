// What a GGUF file's metadata says about the model. Entry points:
// read_gguf_config, read_gguf_generation. Private to formats.
#pragma once

#include "graft/formats/hf/model_config.h"
#include "graft/io/gguf.h"

namespace graft {

// Sizes come from the metadata; the vocabulary from the embedding, and what is
// there at all (head, biases) from the tensors. Throws FileError for a key that
// changes the maths and is not supported, naming it.
ModelConfig read_gguf_config(const GgufFile& file);

// Beginning, end (eos and eot) and padding tokens.
GenerationConfig read_gguf_generation(const GgufMetadata& metadata);

}  // namespace graft
