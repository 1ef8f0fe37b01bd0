// The errors and warnings for entries that selected nothing. Entry points:
// check_unmatched, is_unmatched, unmatched_sentence.
#include "graft/base/error.h"
#include "graft/match/plan.h"
#include "match/entry_set_internal.h"
#include "match/suggestion_text_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

constexpr std::size_t kLongestShown = 200;  // bytes of an entry
constexpr std::size_t kMostErrors = 8;      // sentences in one message

// "q_proj (28 modules), o_proj (28)"
std::string suggestion_text(const EntryReport& report) {
  std::string out;
  for (std::size_t i = 0; i < report.suggestions.size(); ++i) {
    if (i > 0) out += ", ";
    out += report.suggestions[i];
    if (i >= report.suggestion_counts.size()) continue;
    const std::size_t count = report.suggestion_counts[i];
    out += " (" + with_separators(count);
    if (i == 0) out += count == 1 ? " module" : " modules";
    out += ')';
  }
  return out;
}

// The beginning of a text that is longer than a message should be.
std::string shortened(const std::string& text) {
  if (text.size() <= kLongestShown) return text;
  std::size_t end = kLongestShown;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// Naming a layer that takes no adapter is a misunderstanding, not an entry
// that happens to fit other models only.
bool is_misunderstanding(const EntryReport& report, const Rule& rule) {
  return !report.refusal.empty() && is_literal_entry(report.entry, rule.syntax);
}

}  // namespace

bool is_unmatched(const EntryReport& report) {
  if (!report.adapt && !report.refusal.empty()) return false;
  return report.sites.empty() && report.shadowed == 0 && report.held == 0;
}

std::string quoted_entry(const EntryReport& report) {
  const std::string entry = "'" + shortened(report.entry) + "'";
  return report.place.empty() ? entry : report.place + ": " + entry;
}

std::string unmatched_sentence(const EntryReport& report) {
  std::string out = quoted_entry(report) + " selects no module";
  if (report.excluded > 0) {
    out += ": all " + with_separators(report.excluded) +
           " that it hits are excluded";
  } else if (!report.refusal.empty()) {
    out += ": " + report.refusal + ", and only linear layers take adapters";
  }
  out += '.';
  const std::string nearest = suggestion_text(report);
  if (nearest.empty()) return out;
  const std::string lead =
      report.suggestion_world.empty()
          ? "Nearest"
          : "Found in the " + report.suggestion_world + " naming as";
  out += " " + lead + ": " + nearest + '.';
  return out;
}

std::vector<std::string> check_unmatched(const Plan& plan,
                                         const std::vector<Rule>& rules) {
  std::vector<std::string> warnings;
  std::string errors;
  std::size_t count = 0;
  bool allowable = false;
  for (const EmptyRule& empty : plan.empty_rules) {
    const Rule& rule = rules.at(empty.rule);
    if (!rule.written_by_person || rule.allow_unmatched) continue;
    if (empty.text.empty()) continue;
    if (!errors.empty()) errors += ' ';
    errors += empty.text;
  }
  for (const EntryReport& report : plan.entries) {
    if (!is_unmatched(report)) continue;
    const Rule& rule = rules.at(report.rule);
    const bool written =
        rule.written_by_person &&
        !(rule.targets.empty() && rule.peft.target_parameters.empty());
    const bool misunderstood = is_misunderstanding(report, rule);
    if (!written || (rule.allow_unmatched && !misunderstood)) {
      warnings.push_back(unmatched_sentence(report));
      continue;
    }
    if (count < kMostErrors) {
      if (!errors.empty()) errors += ' ';
      errors += unmatched_sentence(report);
    }
    ++count;
    allowable = allowable || !misunderstood;
  }
  if (errors.empty()) return warnings;
  if (count == 0) throw ConfigError("plan: " + errors);
  if (count > kMostErrors) {
    errors += " And " + std::to_string(count - kMostErrors) + " more.";
  }
  std::string hint = count == 1 ? " Fix the entry" : " Fix the entries";
  if (allowable) hint += ", or set allow_unmatched: true";
  throw ConfigError("plan: " + errors + hint + '.');
}

}  // namespace graft
