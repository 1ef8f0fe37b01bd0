// What two selections on one model disagree on. Entry points: diff_plans,
// plan_diff_to_text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graft/match/plan.h"

namespace graft {

// Sites are told apart by Site::path: a fused adapter that becomes one for
// each part is lost, and its parts are gained.
struct PlanDiff {
  std::string from;  // what the two plans are called: recipe names
  std::string to;
  std::vector<Site> lost;                      // only in `from`, in its order
  std::vector<Site> gained;                    // only in `to`, in its order
  std::vector<std::pair<Site, Site>> changed;  // other AdapterSettings
  std::uint64_t from_parameters = 0;           // trainable
  std::uint64_t to_parameters = 0;
  bool has_shapes = true;

  bool empty() const {
    return lost.empty() && gained.empty() && changed.empty();
  }
};

PlanDiff diff_plans(const Plan& from, const Plan& to);

// One line for all layers and experts that differ in the same way.
std::string plan_diff_to_text(const PlanDiff& diff);

}  // namespace graft
