// A Llama of one layer for targets that need a model beside their input. Entry
// points: small_config, small_model_bytes, small_adapter_bytes.
#pragma once

#include <string>

#include "graft/formats/hf/model_config.h"

namespace graft::fuzz {

// Of corpus/model_config/accepted/small.json, tied.
ModelConfig small_config();

// All its tensors, zero, as a safetensors file.
std::string small_model_bytes();

// LoRA of rank 2 on q_proj and down_proj, as a safetensors file.
std::string small_adapter_bytes();

}  // namespace graft::fuzz
