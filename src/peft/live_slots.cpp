// Finding slots in a live model. Entry points: visit_modules, slots_of,
// SlotIndex.
#include "peft/live_slots_internal.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "graft/base/edit_distance.h"
#include "peft/module_walk_internal.h"

namespace graft {
namespace {

using Seen = std::unordered_set<const torch::nn::Module*>;

void visit_below(torch::nn::Module& module, Seen& seen,
                 const std::function<void(torch::nn::Module&)>& visit) {
  if (!seen.insert(&module).second) return;
  visit(module);
  for (const auto& child : module.children()) {
    if (child) visit_below(*child, seen, visit);
  }
}

}  // namespace

void visit_modules(torch::nn::Module& root,
                   const std::function<void(torch::nn::Module&)>& visit) {
  Seen seen;
  visit_below(root, seen, visit);
}

std::vector<nn::LinearSlot*> slots_of(torch::nn::Module& root) {
  std::vector<nn::LinearSlot*> slots;
  visit_modules(root, [&](torch::nn::Module& module) {
    if (auto* slot = dynamic_cast<nn::LinearSlot*>(&module)) {
      slots.push_back(slot);
    }
  });
  return slots;
}

SlotIndex::SlotIndex(torch::nn::Module& model) {
  walk_modules(model, [&](const WalkStep& step) {
    // The walk reads a tree that the caller handed over as mutable.
    modules_.emplace(step.path(), const_cast<torch::nn::Module*>(&step.module));
    return true;
  });
}

torch::nn::Module* SlotIndex::module_or_null(const std::string& path) const {
  const auto found = modules_.find(path);
  return found == modules_.end() ? nullptr : found->second;
}

std::string SlotIndex::nearest(const std::string& path) const {
  std::vector<std::string> paths;
  for (const auto& [known, module] : modules_) paths.push_back(known);
  std::sort(paths.begin(), paths.end());
  const std::vector<std::string> best = nearest_names(path, paths, 1);
  return best.empty() ? std::string() : best.front();
}

}  // namespace graft
