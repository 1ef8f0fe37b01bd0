// The tokenizer of a GGUF file as the files that Hugging Face programs read.
// Entry point: export_gguf_tokenizer.
#pragma once

#include <filesystem>
#include <string>

namespace graft {

struct TokenizerFiles {
  std::string tokenizer_json;
  std::string tokenizer_config_json;  // special tokens and chat template
};

// Throws FileError for a tokenizer that graft does not read, by name.
TokenizerFiles export_gguf_tokenizer(const std::filesystem::path& gguf);

}  // namespace graft
