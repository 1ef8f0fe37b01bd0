// What a checkpoint is, as a model card would say it, from its configuration
// and small files alone: no tensor is read. Entry points: summarise_directory,
// summarise_gguf.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "graft/formats/hf/model_config.h"
#include "graft/io/gguf.h"

namespace graft {

struct TokenizerSummary {
  // "BPE", "Unigram", ... of tokenizer.json; "gpt2, pre smollm" of a GGUF file;
  // empty when there is none.
  std::string kind;
  std::string file;  // that says it
  bool chat_template = false;
};

struct ModelSummary {
  std::string family;  // model_type or the GGUF architecture, as stored
  // nullopt when graft cannot run the model: `problem` says why.
  std::optional<ModelConfig> config;
  std::string problem;
  TokenizerSummary tokenizer;
};

// nullopt without a config.json that states a model_type. Throws FileError for
// JSON that is damaged.
std::optional<ModelSummary> summarise_directory(
    const std::filesystem::path& directory);

ModelSummary summarise_gguf(const GgufFile& file);

// As config.json spells it: "default", "llama3", ...
std::string_view rope_kind_name(RopeKind kind);

// Parameters that no single token meets: of each layer's experts, all but those
// that one token chooses.
std::uint64_t idle_parameters(const ModelConfig& config);

}  // namespace graft
