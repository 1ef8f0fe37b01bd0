// A Hugging Face directory as a Checkpoint. Entry point: open_hf_checkpoint.
// Private to formats.
#pragma once

#include <filesystem>
#include <memory>

#include "graft/formats/checkpoint.h"

namespace graft {

std::unique_ptr<const Checkpoint> open_hf_checkpoint(
    const std::filesystem::path& directory);

}  // namespace graft
