// Writes adapter_config.json. Entry point: adapter_config_text. Fields:
// docs/formats/hf_adapter.md.
#pragma once

#include <string>
#include <vector>

#include "graft/formats/hf/adapter.h"
#include "graft/match/module_info.h"
#include "graft/match/rule.h"

namespace graft {

// One module, or one parameter, as PEFT sees it.
struct AdaptedModule {
  std::string path;  // HF
  AdapterSettings settings;
  bool is_parameter = false;
};

// What PEFT selects in; without an inventory targets are full paths.
struct AdaptedModel {
  const Inventory* inventory = nullptr;
  ExpertLayout experts = ExpertLayout::kParameters;
};

// The whole file. Under PEFT's rules it selects exactly `modules`, with their
// ranks and scales, in `model`. Same modules, same bytes. An empty `base_model`
// is written as null. Beside parameters dropout is written as 0: PEFT has none
// on them, and it does nothing in a finished adapter.
std::string adapter_config_text(std::vector<AdaptedModule> modules,
                                const AdaptedModel& model,
                                const std::string& base_model);

}  // namespace graft
