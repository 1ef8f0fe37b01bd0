// Writes adapter_config.json. Entry point: adapter_config_text. Fields:
// docs/formats/hf_adapter.md.
#pragma once

#include <string>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/rule.h"

namespace graft {

// One module as PEFT sees it.
struct AdaptedModule {
  std::string path;  // HF
  AdapterSettings settings;
};

// The whole file. Under PEFT's rules it selects exactly `modules`, with their
// ranks and scales, in the model of `inventory`; without one targets are full
// paths. Same modules, same bytes. An empty `base_model` is written as null.
std::string adapter_config_text(std::vector<AdaptedModule> modules,
                                const Inventory* inventory,
                                const std::string& base_model);

}  // namespace graft
