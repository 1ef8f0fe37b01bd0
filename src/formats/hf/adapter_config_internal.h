// adapter_config.json of HF PEFT as a selection rule. Entry point:
// read_adapter_config. Fields: docs/formats/hf_adapter.md.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "graft/match/rule.h"

namespace graft {

struct HfAdapterConfig {
  Rule rule;  // syntax kPeft
  bool ensure_weight_tying = false;
  std::vector<std::string> warnings;
  std::optional<std::string> base_model;
};

// `model_type` gives PEFT's default targets when the file states none. Throws
// FileError with all problems: wrong types, other methods than LoRA, and
// kinds of LoRA that graft does not support, by name.
HfAdapterConfig read_adapter_config(
    const std::filesystem::path& file,
    const std::optional<std::string>& model_type);

}  // namespace graft
