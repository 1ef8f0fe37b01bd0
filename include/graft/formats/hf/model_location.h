// Finds MODEL: a directory, or a hub id that the local Hugging Face cache
// holds. Never the network. Entry point: locate_model.
#pragma once

#include <filesystem>
#include <string_view>

namespace graft {

// A path that is there is taken as it is, and a config.json as its directory.
// Else looks at HF_HUB_CACHE, then HF_HOME/hub, then
// ~/.cache/huggingface/hub, for models--ORG--NAME/snapshots/<refs/main>. Throws
// ConfigError; a miss names the command that downloads the model.
std::filesystem::path locate_model(std::string_view model);

}  // namespace graft
