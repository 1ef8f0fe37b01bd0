// The readers that see strangers' bytes, one function per format. A target
// catches graft::Error and nothing else: whatever else leaves is a finding.
#pragma once

#include <filesystem>
#include <string_view>

namespace graft::fuzz {

void safetensors(std::string_view bytes);
void gguf(std::string_view bytes);
void tokenizer(std::string_view bytes);
void chat_template(std::string_view bytes);
void jsonl(std::string_view bytes);
void model_config(std::string_view bytes);
void selector(std::string_view bytes);

// Writes `bytes` to this process's file in memory (/dev/shm, else the
// temporary folder), for readers that take paths. The next call replaces it.
std::filesystem::path memory_file(std::string_view bytes);

}  // namespace graft::fuzz
