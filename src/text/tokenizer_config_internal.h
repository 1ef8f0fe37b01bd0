// The token names of tokenizer_config.json. Entry point:
// read_tokenizer_config.
#pragma once

#include <filesystem>

#include "graft/text/tokenizer.h"

namespace graft::text {

// Nothing when there is no such file. Throws FileError when it is damaged.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& path);

}  // namespace graft::text
