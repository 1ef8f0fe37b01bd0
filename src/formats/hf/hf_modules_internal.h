// An adapter cut into what other programs have: one pair of matrices for each
// Hugging Face module. Entry point: split_by_hf_module.
#pragma once

#include <string>
#include <vector>

#include "graft/base/dtype.h"
#include "graft/base/host_tensor.h"
#include "graft/formats/adapter_record.h"
#include "graft/formats/hf/adapter.h"
#include "graft/match/rule.h"

namespace graft {

// What PEFT sees of a site: one module, its own rank and alpha. Or a parameter:
// a: (experts * rank, in), b: (rows, rank * experts), rank-major.
struct HfModule {
  std::string path;  // of the module, or of the parameter
  AdapterSettings settings;
  HostTensor a;  // (rank, in)
  HostTensor b;  // (rows, rank)
  bool is_parameter = false;
  std::string tensors = path;  // what their names begin with
};

struct HfModuleOptions {
  std::string operation;      // for errors: "save adapter"
  DType dtype = DType::kF32;  // of the tensors
  // Whether an adapter that does nothing (every B is zero) is an answer.
  bool allow_zero = false;
  // Never kParameters of a plan that adapts single experts.
  ExpertLayout experts = ExpertLayout::kLayers;
  // Names which layers PEFT could only adapt as parameters; may be null.
  const Inventory* inventory = nullptr;
};

// kAuto decided.
ExpertLayout expert_layout(const Plan& plan, ExpertLayout wanted);

// In the plan's order; a fused site becomes one pair per HF name: A whole, B by
// rows. Throws ConfigError for an empty plan, a site without a name, two
// adapters on one module, NaN and infinity, DoRA, all-zero B unless allowed, a
// type that is not computable, and experts that have no names of their own.
std::vector<HfModule> split_by_hf_module(const AdapterFile& adapter,
                                         const HfModuleOptions& options);

}  // namespace graft
