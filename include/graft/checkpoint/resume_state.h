// Saved states of a training run: checkpoints/step-N/ with state.safetensors
// and state.json. Entry points: save_resume_state, load_resume_state,
// saved_steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "graft/nn/named_state.h"

namespace graft {

// checkpoints/step-N.
std::filesystem::path resume_directory(const std::filesystem::path& run,
                                       std::int64_t step);

// Written as a whole or not at all; an old state of the same name is replaced.
void save_resume_state(const nn::NamedState& state,
                       const std::filesystem::path& directory);

// Throws FileError when a file is damaged or absent.
nn::NamedState load_resume_state(const std::filesystem::path& directory);

// Steps of the complete states below `run`, ascending.
std::vector<std::int64_t> saved_steps(const std::filesystem::path& run);

}  // namespace graft
