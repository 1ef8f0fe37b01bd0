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

// Selects with PEFT's rules on `inventory` and takes every tensor of the file:
// each selected module must have its pair with the right shape, and each
// tensor must belong to one. Throws FileError (file, cause, sample keys of both
// sides, the likely prefix); kinds of later issues are refused by name. NaN and
// infinity are errors; all-zero B, unknown config fields are warnings.
AdapterFile read_hf_adapter(const std::filesystem::path& directory,
                            const Inventory& inventory);

struct HfAdapterOptions {
  std::string base_model;          // base_model_name_or_path
  DType dtype = DType::kF32;       // of the written tensors
};

// Fused sites become one pair per HF name: A whole, B by rows. The config
// selects exactly the adapted modules under PEFT's rules. Deterministic bytes;
// `directory` is created (the caller makes it atomic). Throws ConfigError for
// an empty plan.
void write_hf_adapter(const std::filesystem::path& directory,
                      const AdapterFile& adapter,
                      const HfAdapterOptions& options);

}  // namespace graft
