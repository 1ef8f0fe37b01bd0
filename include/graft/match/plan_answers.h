// What a person asked beside the plan, as keys of its JSON. Entry points:
// PlanAnswers, plan_to_json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/match/explanation.h"
#include "graft/match/plan.h"
#include "graft/match/plan_diff.h"

namespace graft {

struct PlanAnswers {
  std::vector<Explanation> explanations;
  std::optional<PlanDiff> diff;
};

// plan_to_json(plan) with the keys `explanations` and `diff` where there are
// any: docs/formats/plan.md.
std::string plan_to_json(const Plan& plan, const PlanAnswers& answers);

}  // namespace graft
