// What HF PEFT adapts when target_modules is null. Entry point:
// peft_defaults_or_null.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft {

struct PeftDefaults {
  std::string_view model_type;
  std::vector<std::string> targets;
  bool regex = false;  // one expression for the whole name
};

// PEFT 0.21's LoRA targets for a model_type; null when it has none.
const PeftDefaults* peft_defaults_or_null(std::string_view model_type);

}  // namespace graft
