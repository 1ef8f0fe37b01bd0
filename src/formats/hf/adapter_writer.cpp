// Writes a PEFT directory: one pair of tensors per HF module and a config
// that selects exactly these modules. Entry point: write_hf_adapter.
#include <utility>
#include <vector>

#include "formats/hf/adapter_config_writer_internal.h"
#include "formats/hf/adapter_names_internal.h"
#include "formats/hf/hf_modules_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/adapter.h"
#include "graft/io/atomic_output.h"
#include "graft/io/safetensors_writer.h"

namespace graft {
namespace {

constexpr char kOperation[] = "save adapter";

}  // namespace

void write_hf_adapter(const std::filesystem::path& directory,
                      const AdapterFile& adapter,
                      const HfAdapterOptions& options) {
  if (!adapter.plan.sites.empty()) check_hf_expressible(adapter.plan);
  const ExpertLayout experts = expert_layout(adapter.plan, options.experts);
  const std::vector<HfModule> modules = split_by_hf_module(
      adapter, {kOperation, options.dtype, options.allow_zero, experts,
                options.inventory});
  std::vector<AdaptedModule> places;
  for (const HfModule& module : modules) {
    places.push_back({module.path, module.settings, module.is_parameter});
  }
  const std::string base = options.base_model.empty()
                               ? adapter.base_model.value_or("")
                               : options.base_model;
  const std::string config = adapter_config_text(
      std::move(places), {options.inventory, experts}, base);
  std::vector<std::pair<std::string, HostTensor>> tensors;
  for (const HfModule& module : modules) {
    tensors.emplace_back(lora_a_name(module.tensors), module.a);
    tensors.emplace_back(lora_b_name(module.tensors), module.b);
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw SystemError({.operation = kOperation,
                       .what = "cannot create " + directory.string(),
                       .got = error.message()});
  }
  save_safetensors(directory / kAdapterWeightsName, std::move(tensors));
  write_file_atomically(directory / kAdapterConfigName, config);
}

}  // namespace graft
