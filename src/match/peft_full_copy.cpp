// The rules are PEFT 0.21's; tests/oracle and the vectors pin them.
#include "match/peft_full_copy_internal.h"

#include <algorithm>
#include <array>

#include "match/peft_targets_internal.h"

namespace graft {
namespace {

// What PEFT itself adds below an adapted layer: an entry may end these too.
constexpr std::array<std::string_view, 6> kAdapterParts{
    ".lora_A",         ".lora_A.default", ".lora_B",
    ".lora_B.default", ".lora_dropout",   ".lora_dropout.default"};

bool ends_in_one_of(std::string_view path,
                    const std::vector<std::string>& entries) {
  return std::any_of(
      entries.begin(), entries.end(),
      [&](const std::string& entry) { return path.ends_with(entry); });
}

bool is_inside_one_of(std::string_view path,
                      const std::vector<std::string>& copies) {
  return std::any_of(copies.begin(), copies.end(),
                     [&](const std::string& copy) {
                       return path.starts_with(copy) &&
                              path.substr(copy.size()).starts_with('.');
                     });
}

bool is_list(LayerKind kind) {
  return kind == LayerKind::kModuleList || kind == LayerKind::kModuleDict;
}

}  // namespace

std::vector<std::string> peft_full_copies(
    const std::vector<std::string>& entries, const Inventory& inventory,
    const AdaptedModules& adapted, std::vector<std::string>& problems) {
  std::vector<std::string> out;
  if (entries.empty()) return out;
  for (std::size_t i = 0; i < inventory.modules.size(); ++i) {
    for (const HfUnit& unit : hf_units(inventory, i)) {
      if (!ends_in_one_of(unit.path, entries)) continue;
      const LayerKind kind = inventory.modules[i].kind;
      const bool is_adapted = adapted.contains(unit.path);
      if (!is_adapted && !is_list(kind)) {
        if (!is_inside_one_of(unit.path, out)) out.emplace_back(unit.path);
        continue;
      }
      problems.push_back(
          "plan: modules_to_save takes no copy of '" + std::string(unit.path) +
          "', which is " +
          (is_adapted ? "adapted" : "a " + std::string(layer_kind_name(kind))));
    }
  }
  for (const std::string_view part : kAdapterParts) {
    if (!adapted.any || !ends_in_one_of(part, entries)) continue;
    problems.push_back("plan: modules_to_save takes no copy of '" +
                       std::string(part.substr(1)) +
                       "', which is a part of the adapters");
    break;
  }
  return out;
}

}  // namespace graft
