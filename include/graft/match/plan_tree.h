// The model as a tree of names, with what each linear gets. Entry point:
// plan_tree_to_text.
#pragma once

#include <string>

#include "graft/match/plan.h"

namespace graft {

// `plan` must be one of `inventory`. Layers (and experts) that are alike in
// names, shapes and adapters are one branch: "layers.{0-31}". Modules that
// take no adapter and hold none are left out, and counted at the end.
std::string plan_tree_to_text(const Inventory& inventory, const Plan& plan);

}  // namespace graft
