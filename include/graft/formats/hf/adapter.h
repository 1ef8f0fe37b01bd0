// HF PEFT adapter directories: adapter_config.json + adapter_model.safetensors.
// Entry points: read_hf_adapter, write_hf_adapter. Format:
// docs/formats/hf_adapter.md.
#pragma once

#include <filesystem>
#include <string>

#include "graft/base/dtype.h"
#include "graft/formats/adapter_record.h"
#include "graft/match/module_info.h"

namespace graft {

// Selects with PEFT's rules on `inventory` and takes every tensor of the file,
// in either layout of experts, which the tensors tell:
// each selected module must have its pair with the right shape, and each
// tensor must belong to one. Throws FileError (file, cause, sample keys of both
// sides, the likely prefix); kinds of later issues are refused by name. NaN and
// infinity are errors; all-zero B, unknown config fields are warnings.
AdapterFile read_hf_adapter(const std::filesystem::path& directory,
                            const Inventory& inventory);

// How the adapters of experts are written. kParameters: one pair for all
// experts of a weight, on the parameter that transformers 5 holds
// (target_parameters of PEFT). kLayers: a pair for each matrix of each expert,
// the layers of transformers 4. kAuto: parameters, unless the plan adapts
// single experts.
enum class ExpertLayout { kAuto, kParameters, kLayers };

struct HfAdapterOptions {
  std::string base_model;     // base_model_name_or_path
  DType dtype = DType::kF32;  // of the written tensors
  // Of the adapted model: lets the config name targets by last components
  // ("q_proj") where that is exact. Without it they are full paths.
  const Inventory* inventory = nullptr;
  // Whether an adapter that does nothing (every B is zero) may be written.
  bool allow_zero = false;
  ExpertLayout experts = ExpertLayout::kAuto;
};

// Whether one PEFT directory can hold the plan: throws ConfigError when sites
// differ in what adapter_config.json has one field for (kind, dropout), or are
// of a kind that cannot be written. Ranks and alphas may differ. To be asked
// before training.
void check_hf_expressible(const Plan& plan);

// Fused sites become one pair per HF name: A whole, B by rows. The config
// selects exactly the adapted modules under PEFT's rules. Deterministic bytes;
// `directory` is created (the caller makes it atomic). Throws ConfigError for
// an empty plan, NaN and infinity, DoRA, and all-zero B unless allowed.
void write_hf_adapter(const std::filesystem::path& directory,
                      const AdapterFile& adapter,
                      const HfAdapterOptions& options);

// Joins the canonical sites of a module into one fused site where they cover
// all its rows, share rank and alpha, and their A's are equal byte for byte:
// what write_hf_adapter makes of a fused site. Others stay as they are.
AdapterFile fuse_equal_inputs(AdapterFile file);

}  // namespace graft
