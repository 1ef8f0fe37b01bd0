// Turns the hits of compiled rules on one inventory into a Plan, and tells how
// single modules came to theirs. Entry points: select_sites, trace_modules;
// selection_report.cpp fills what the plan says beside its sites.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graft/match/explanation.h"
#include "graft/match/plan.h"
#include "match/rule_run_internal.h"

namespace graft {

using CompiledRules = std::vector<std::unique_ptr<CompiledRule>>;

Plan select_sites(const Inventory& inventory, const std::vector<Rule>& rules,
                  const CompiledRules& compiled);

// One hit and what became of it.
struct HitTrace {
  std::size_t rule = 0;
  std::size_t entry = kNoEntry;
  std::size_t part = kWhole;
  TrialOutcome outcome = TrialOutcome::kWins;
  std::string reason;
};
// The hits on each of `modules`, in rule order, by the code of select_sites.
std::vector<std::vector<HitTrace>> trace_modules(
    const Inventory& inventory, const std::vector<Rule>& rules,
    const CompiledRules& compiled, const std::vector<std::size_t>& modules);

// A report for each entry of a rule.
void add_reports(std::size_t rule, const Rule& written,
                 const std::vector<std::string>& entries, Plan& plan);
// Each module once, whatever number of rules ask for it.
void add_full_copies(std::vector<std::string> more, Plan& plan);
// Takes out what a later rule adapts after all, and what is said twice.
void drop_outdated_exclusions(Plan& plan);
void warn_of_shadowed_entries(Plan& plan);

}  // namespace graft
