// Spelling of PEFT's names; adapter_names_internal.h has the contract.
#include "formats/hf/adapter_names_internal.h"

#include <algorithm>
#include <unordered_set>

namespace graft {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

std::string make_name(std::string_view path, std::string_view ending) {
  std::string out(kPrefix);
  out += path;
  out += ending;
  return out;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::string lora_a_name(std::string_view path) {
  return make_name(path, ".lora_A.weight");
}

std::string lora_b_name(std::string_view path) {
  return make_name(path, ".lora_B.weight");
}

std::string base_copy_name(std::string_view path) {
  return make_name(path, ".base_layer.weight");
}

std::string last_component(std::string_view path) {
  return std::string(path.substr(path.rfind('.') + 1));
}

bool is_named_by(std::string_view path, std::string_view entry) {
  if (path == entry) return true;
  return path.size() > entry.size() && path.ends_with(entry) &&
         path[path.size() - entry.size() - 1] == '.';
}

std::vector<std::string> hf_module_names(const Inventory& inventory,
                                         bool experts_as_layers) {
  std::vector<std::string> out;
  for (const ModuleInfo& module : inventory.modules) {
    if (!module.hf_parameter.empty() && !experts_as_layers) {
      const std::string& name = module.hf_parameter;
      out.push_back(name.substr(0, name.rfind('.')));
      continue;
    }
    for (const ModulePart& part : module.parts) out.push_back(part.path);
    if (!inventory.has_family_table) out.push_back(module.path);
  }
  return out;
}

std::string escaped_pattern(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!is_plain(c)) out += '\\';
    out += c;
  }
  return out;
}

std::string exact_pattern(std::string_view path) {
  return '^' + escaped_pattern(path);
}

std::vector<std::string> hf_tree_names(const Inventory& inventory,
                                       bool experts_as_layers) {
  std::unordered_set<std::string> names;
  for (const std::string& name :
       hf_module_names(inventory, experts_as_layers)) {
    // Once a container is known, so are those around it.
    for (std::size_t end = name.size(); end != std::string::npos && end > 0;
         end = name.rfind('.', end - 1)) {
      if (!names.insert(name.substr(0, end)).second) break;
    }
  }
  std::vector<std::string> out(names.begin(), names.end());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace graft
