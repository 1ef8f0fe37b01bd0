// What a GGUF file's metadata says about the model. Entry points:
// read_gguf_config, read_gguf_generation. Private to formats.
#pragma once

#include <string>
#include <string_view>

#include "formats/hf/family_internal.h"
#include "graft/formats/hf/model_config.h"
#include "graft/io/gguf.h"

namespace graft {

// What every part of the reader needs.
struct GgufSource {
  const GgufFile& file;
  const Family& family;

  const GgufMetadata& metadata() const { return file.metadata(); }
  // "ARCHITECTURE.NAME".
  std::string key(std::string_view name) const {
    return std::string(family.gguf.architecture) + "." + std::string(name);
  }
};

// Sizes come from the metadata; the vocabulary from the embedding, and what is
// there at all (head, biases, experts in a layer) from the tensors; what the
// files leave to the program is what llama.cpp does. Throws FileError for a key
// that changes the maths and is not supported, naming it.
ModelConfig read_gguf_config(const GgufFile& file);

// Beginning, end (eos and eot) and padding tokens.
GenerationConfig read_gguf_generation(const GgufMetadata& metadata);

}  // namespace graft
