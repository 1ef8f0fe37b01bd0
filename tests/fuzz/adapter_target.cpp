// Bytes that begin with { are adapter_config.json, others are
// adapter_model.safetensors; the other file of the adapter is a good one.
#include "graft/formats/hf/adapter.h"

#include "fuzz/small_model.h"
#include "fuzz/targets.h"
#include "graft/formats/hf/weight_table.h"

namespace graft::fuzz {
namespace {

constexpr const char* kConfig = R"({"peft_type":"LORA","r":2,"lora_alpha":4,)"
                                R"("target_modules":["q_proj","down_proj"]})";

}  // namespace

void adapter(std::string_view bytes) {
  static const Inventory kInventory = make_family_inventory(small_config());
  static const std::string kWeights = small_adapter_bytes();
  const bool is_config = bytes.starts_with('{');
  memory_file(is_config ? bytes : kConfig, "adapter_config.json");
  const auto path =
      memory_file(is_config ? kWeights : bytes, "adapter_model.safetensors");
  const AdapterFile file = read_hf_adapter(path.parent_path(), kInventory);
  expect(file.records.size() == file.plan.sites.size() && !file.records.empty(),
         "a record for every site");
  fuse_equal_inputs(file);
}

}  // namespace graft::fuzz
