// The slots of a live model by path. Entry points: visit_modules, SlotIndex.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "graft/nn/linear_slot.h"

namespace graft {

// Every module once, adapters included, in walk order.
void visit_modules(torch::nn::Module& root,
                   const std::function<void(torch::nn::Module&)>& visit);

// Every slot once, in walk order.
std::vector<nn::LinearSlot*> slots_of(torch::nn::Module& root);

// Modules by the path that selection knows them by.
class SlotIndex {
 public:
  explicit SlotIndex(torch::nn::Module& model);

  // Null when there is no such path.
  torch::nn::Module* module_or_null(const std::string& path) const;
  // The path most like this one; empty in an empty model.
  std::string nearest(const std::string& path) const;

 private:
  std::unordered_map<std::string, torch::nn::Module*> modules_;
};

}  // namespace graft
