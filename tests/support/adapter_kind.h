// Tells golden adapters apart by what they hold, never by their folder's name.
// Entry point: refusal_word.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace graft::test {

// The word by which graft must refuse this adapter directory, or nullopt for a
// kind that it claims to load: plain LoRA on linear layers.
std::optional<std::string> refusal_word(const std::filesystem::path& adapter);

}  // namespace graft::test
