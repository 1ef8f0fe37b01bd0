// What inject and Peft share. Entry points: freeze_base, check_plan,
// describe_unadaptable, throw_faults.
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "graft/match/plan.h"

namespace graft {

// Throws what inject would throw; attaches nothing.
void check_plan(torch::nn::Module& model, const Plan& plan);

// No parameter but those of adapters requires a gradient afterwards.
void freeze_base(torch::nn::Module& model);

// "a norm, which takes no adapter": why the module cannot be adapted.
std::string describe_unadaptable(const torch::nn::Module& module);

// One ConfigError with all problems; nothing when there are none.
void throw_faults(const std::string& operation,
                  const std::vector<std::string>& faults);

}  // namespace graft
