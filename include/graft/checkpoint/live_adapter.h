// Moves adapters between a live model and adapter files. Entry points:
// attach_adapter, snapshot_adapter, load_hf_adapter, save_hf_adapter.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graft/checkpoint/base_model.h"
#include "graft/formats/adapter_record.h"
#include "graft/peft/inject.h"

namespace graft {

// Injects file.plan into the model and copies the tensors in.
std::vector<LiveAdapter> attach_adapter(nn::CausalLm& model,
                                        const AdapterFile& file);

// The adapters of the model as records, fp32 copies on the host.
AdapterFile snapshot_adapter(const Plan& plan,
                             const std::vector<LiveAdapter>& adapters);

// read_hf_adapter + attach_adapter; warnings go to the log.
AdapterFile load_hf_adapter(BaseModel& base,
                            const std::filesystem::path& directory);

// Writes the HF adapter directory atomically, replacing an old one.
void save_hf_adapter(const AdapterFile& file, const Inventory& inventory,
                     const std::string& base_model,
                     const std::filesystem::path& directory);

}  // namespace graft
