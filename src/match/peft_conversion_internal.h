// What HF PEFT makes of targets on models whose experts are packed parameters:
// names of the layers that the experts once were become target_parameters.
// Entry points: expert_words_or_null, convert_expert_targets.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"

namespace graft {

// One text that selects, and the entries (of the user's) that it comes from.
struct PeftEntry {
  std::string text;
  std::vector<std::size_t> sources;
};

struct PeftEntries {
  std::vector<PeftEntry> modules;
  std::vector<PeftEntry> parameters;
  std::vector<std::string> fused;  // parameters made of two layers each:
                                   // twice the rank and alpha
};

// The former names of a family's expert layers.
struct ExpertWords {
  struct Row {
    std::string_view layer;      // "w1"
    std::string_view parameter;  // "gate_up_proj"
  };
  std::array<Row, 4> rows;
  std::array<std::string_view, 2> fused;  // both become gate_up_proj
};

// For model types that PEFT 0.21 converts, when the experts are packed in the
// file, or a table says that transformers packs them; null otherwise (the names
// of a checkpoint with one matrix an expert need no conversion).
const ExpertWords* expert_words_or_null(const Inventory& inventory);

// Throws ConfigError when one half of a fused pair is targeted alone.
PeftEntries convert_expert_targets(const ExpertWords& words,
                                   PeftEntries entries);

// Last names of the modules and parameters that a string target selects, the
// former expert layers included; what PEFT replaces the string by.
using PathPredicate = std::function<bool(std::string_view)>;
std::vector<std::string> resolve_string_target(const ExpertWords& words,
                                               const Inventory& inventory,
                                               const PathPredicate& selects);

}  // namespace graft
