// config.json and generation_config.json out of checked values, as
// transformers and graft read them. Entry points: model_config_to_json,
// generation_config_to_json. Private to core.
#pragma once

#include <string>

#include "graft/formats/hf/model_config.h"

namespace graft {

// Of a family with a table, as a text model alone. `dtype`: of the weights
// beside it.
std::string model_config_to_json(const ModelConfig& config, DType dtype,
                                 const GenerationConfig& generation);
std::string generation_config_to_json(const GenerationConfig& generation);

}  // namespace graft
