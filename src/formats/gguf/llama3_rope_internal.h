// Llama 3's rope scaling out of the divisors that it makes. Entry point:
// recognise_llama3. Private to formats.
#pragma once

#include <optional>
#include <vector>

#include "graft/formats/hf/model_config.h"

namespace graft {

// `divisors`: one for each frequency of a rope with rope.theta; the file keeps
// nothing else. Finds parameters that make the same ones: those of a published
// model where they do, else solved for; all ones, and all alike, are no and
// linear scaling. nullopt when none does.
std::optional<RopeConfig> recognise_llama3(const std::vector<float>& divisors,
                                           const RopeConfig& rope);

}  // namespace graft
