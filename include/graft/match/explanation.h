// Why one module of a model is adapted, or is not. Entry points: Explanation
// (made by Selector::explain), explanation_to_text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/plan.h"

namespace graft {

enum class TrialOutcome {
  kWins,         // its rule's adapter is on these rows
  kHolds,        // its rule says adapt: false
  kTaken,        // an earlier rule or entry has these rows
  kExcluded,     // an exclude of its own rule takes them out
  kHeadSkipped,  // all-linear and kind=linear leave the output head alone
};
std::string_view trial_outcome_name(TrialOutcome outcome);

// An entry that hits what was asked for, or some of its rows.
struct EntryTrial {
  std::size_t rule = 0;
  std::string entry;  // empty: a rule without targets
  std::string place;  // Rule::places, if known
  std::string path;   // the module or part that is decided
  TrialOutcome outcome = TrialOutcome::kWins;
  std::string reason;  // of kTaken and kExcluded, as a sentence
};

// An entry that does not hit it but nearly does.
struct NearEntry {
  std::size_t rule = 0;
  std::string entry;
  std::string place;
  std::string reason;  // "hits it in layers 0-3", "hits o_proj"
};

struct Explanation {
  std::string asked;
  std::string path;                   // runtime path of the module or part
  std::string module;                 // the module that owns the rows
  std::vector<std::string> hf_paths;  // in row order
  std::string same_as;                // earlier module that is this object
  LayerKind layer_kind = LayerKind::kContainer;
  bool output_head = false;
  RowSet rows;  // of the module's weight
  std::int64_t in = 0;
  std::optional<std::int64_t> layer;
  std::optional<std::int64_t> expert;
  bool takes_adapters = false;
  std::vector<Site> sites;         // adapters on these rows, in row order
  std::vector<EntryTrial> trials;  // in rule order, then entry order
  std::vector<NearEntry> nearest;  // only without a trial
};

std::string explanation_to_text(const Explanation& explanation);

}  // namespace graft
