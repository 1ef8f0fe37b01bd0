// The parameters of a model as HF PEFT names them, one by one: those that the
// inventory lists, and weights and biases of its layers. Entry point:
// hf_parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"
#include "match/rule_run_internal.h"

namespace graft {

constexpr std::size_t kNoModule = SIZE_MAX;

struct HfParameter {
  std::size_t module = kNoModule;  // index; kNoModule: of the model itself
  std::size_t part = kWhole;       // of the module
  std::string_view module_path;    // HF path of the module or its part
  std::string_view component;      // of the part, or empty
  std::string_view name;           // "weight", "down_proj"
  std::vector<std::int64_t> shape;
  bool transposed = false;     // ParameterInfo::transposed
  std::int64_t first_row = 0;  // of the part, in the module's weight

  std::string path() const;  // ".name" for a parameter of the model itself
};

// In the order of the modules; shared modules under their first path only.
std::vector<HfParameter> hf_parameters(const Inventory& inventory);

}  // namespace graft
