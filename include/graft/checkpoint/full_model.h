// Writes a trained base model (method: full) as a Hugging Face checkpoint.
// Entry point: save_full_model.
#pragma once

#include <filesystem>

#include "graft/checkpoint/base_model.h"

namespace graft {

// model.safetensors with the base's tensor names and types (rounded once from
// the live values; tensors that the model does not read as they were), and
// copies of the base's other files: configuration, tokenizer. Atomic; replaces
// an old directory. Throws Error for a value that the base's type cannot hold.
void save_full_model(const BaseModel& base,
                     const std::filesystem::path& directory);

}  // namespace graft
