// What config.json alone, or one shard alone, says of a model.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "formats/hf/config_inventory_internal.h"
#include "graft/base/error.h"
#include "graft/formats/hf/model_config.h"
#include "graft/formats/hf/weight_table.h"

namespace graft {
namespace {

bool is_weight_file(const std::string& name) {
  static constexpr std::array<std::string_view, 6> kEndings = {
      ".safetensors", ".safetensors.index.json", ".bin", ".pt", ".pth",
      ".gguf"};
  return std::any_of(
      kEndings.begin(), kEndings.end(),
      [&](std::string_view ending) { return name.ends_with(ending); });
}

}  // namespace

bool is_config_alone(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory / "config.json", error)) return false;
  for (const auto& entry :
       std::filesystem::directory_iterator(directory, error)) {
    if (is_weight_file(entry.path().filename().string())) return false;
  }
  return !error;
}

Inventory read_config_inventory(const std::filesystem::path& directory) {
  const auto model_type = read_model_type(directory);
  if (!model_type || !is_supported_family(*model_type)) {
    throw FileError(
        {.operation = "inventory",
         .what = directory.string() + ": config.json without weights",
         .got = model_type ? "model_type '" + *model_type +
                                 "', of which graft has no table"
                           : "no model_type",
         .hint = "Put the safetensors beside it, or pipe the module names: "
                 "graft plan -"});
  }
  const ModelConfig config = read_model_config(directory / "config.json");
  Inventory out = make_family_inventory(config);
  for (ModuleInfo& module : out.modules) {
    if (!module.parts.empty()) module.dtype = config.dtype;
  }
  out.source = directory.string();
  out.warnings.push_back(directory.string() +
                         ": no weights, so the plan is what config.json says");
  return out;
}

void warn_of_shard(const std::filesystem::path& path, Inventory& inventory) {
  const std::string name = path.filename().string();
  if (!std::filesystem::is_regular_file(path) ||
      name.find("-of-") == std::string::npos) {
    return;
  }
  inventory.warnings.push_back(
      path.string() +
      ": one shard of several; name the directory for the whole model");
}

}  // namespace graft
