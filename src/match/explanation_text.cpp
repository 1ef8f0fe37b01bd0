// An explanation as a person reads it. Entry points: explanation_to_text,
// trial_outcome_name.
#include <string>

#include "graft/match/explanation.h"
#include "match/component_path_internal.h"
#include "match/site_text_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

std::string count_text(std::int64_t value) {
  return with_separators(static_cast<std::uint64_t>(value));
}

// "rule 2, kind=attention (recipe.yaml:7)"
std::string entry_text(std::size_t rule, const std::string& entry,
                       const std::string& place) {
  std::string out = "rule " + std::to_string(rule + 1) + ", ";
  out += entry.empty() ? "without targets" : "'" + entry + "'";
  return place.empty() ? out : out + " (" + place + ")";
}

class ExplanationText {
 public:
  explicit ExplanationText(const Explanation& explanation)
      : given_(explanation) {}

  std::string str() {
    add_identity();
    if (!given_.takes_adapters) {
      add("result", "no adapter: only linear layers take one");
    } else if (given_.sites.empty()) {
      add("result", refusal());
    }
    for (const Site& site : given_.sites) add_site(site);
    for (const EntryTrial& trial : given_.trials) add_trial(trial);
    for (const NearEntry& near : given_.nearest) {
      add("nearest",
          entry_text(near.rule, near.entry, near.place) + " " + near.reason);
    }
    return given_.asked + '\n' + table_.str();
  }

 private:
  // The word once for a run of rows.
  void add(const std::string& word, const std::string& text) {
    table_.add_row({"", word == last_ ? "" : word, text});
    last_ = word;
  }

  void add_identity() {
    if (given_.path != given_.asked) add("is", given_.path);
    for (const std::string& path : given_.hf_paths) {
      if (path != given_.asked && path != given_.path) {
        add("Hugging Face", path);
      }
    }
    if (!given_.same_as.empty()) add("is the same as", given_.same_as);
    if (given_.path != given_.module) {
      add("part of", given_.module + ", rows " +
                         std::to_string(given_.rows.begin) + " to " +
                         std::to_string(given_.rows.end - 1));
    }
    std::string kind(layer_kind_name(given_.layer_kind));
    if (given_.output_head) kind += ", the output head";
    if (given_.in > 0 && given_.rows.size() > 0) {
      kind += ", " + std::to_string(given_.rows.size()) + " x " +
              std::to_string(given_.in);
    }
    if (given_.layer) kind += ", layer " + std::to_string(*given_.layer);
    if (given_.expert) kind += ", expert " + std::to_string(*given_.expert);
    add("kind", kind);
  }

  std::string refusal() const {
    if (given_.trials.empty()) return "no adapter: no entry hits it";
    return "no adapter";
  }

  void add_site(const Site& site) {
    std::string text;
    const std::string path = site.path();
    if (path != given_.path) {
      text = std::string(last_component(path)) + ": ";
    }
    text += settings_text(site);
    if (site.has_shape()) {
      text += ", " + count_text(site.parameter_count()) + " parameters";
    }
    add("result", text);
  }

  void add_trial(const EntryTrial& trial) {
    std::string text = entry_text(trial.rule, trial.entry, trial.place);
    const bool part = trial.path != given_.path;
    const std::string name(last_component(trial.path));
    switch (trial.outcome) {
      case TrialOutcome::kWins:
        return add("won by", text + (part ? ": " + name : ""));
      case TrialOutcome::kHolds:
        return add("held by", text + ": adapt: false");
      case TrialOutcome::kTaken:
        return add("also hit by",
                   text + ": " + (part ? name + ": " : "") + trial.reason);
      case TrialOutcome::kExcluded:
        return add("excluded", (part ? name + ": " : "") + trial.reason +
                                   " of rule " +
                                   std::to_string(trial.rule + 1) +
                                   "; hit by '" + trial.entry + "'");
      case TrialOutcome::kHeadSkipped:
        return add("passed over",
                   text + " leaves the output head alone; name it to adapt it");
    }
  }

  const Explanation& given_;
  TextTable table_{{TextTable::Align::kLeft, TextTable::Align::kLeft,
                    TextTable::Align::kLeft}};
  std::string last_;
};

}  // namespace

std::string_view trial_outcome_name(TrialOutcome outcome) {
  switch (outcome) {
    case TrialOutcome::kWins:
      return "wins";
    case TrialOutcome::kHolds:
      return "holds";
    case TrialOutcome::kTaken:
      return "taken";
    case TrialOutcome::kExcluded:
      return "excluded";
    case TrialOutcome::kHeadSkipped:
      return "head_skipped";
  }
  return "unknown";
}

std::string explanation_to_text(const Explanation& explanation) {
  return ExplanationText(explanation).str();
}

}  // namespace graft
