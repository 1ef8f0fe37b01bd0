// A GGUF file as a Checkpoint. Entry point: open_gguf_checkpoint. Private to
// formats.
#pragma once

#include <filesystem>
#include <memory>

#include "graft/formats/checkpoint.h"

namespace graft {

std::unique_ptr<const Checkpoint> open_gguf_checkpoint(
    const std::filesystem::path& path);

}  // namespace graft
