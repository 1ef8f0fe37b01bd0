// What a plan says beside its sites: entries, exclusions, warnings.
#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "match/selection_internal.h"
#include "match/suggestion_text_internal.h"

namespace graft {

void add_reports(std::size_t rule, const Rule& written,
                 const std::vector<std::string>& entries, Plan& plan) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EntryReport& report = plan.entries.emplace_back();
    report.rule = rule;
    report.entry = entries[i];
    report.adapt = written.adapt;
    if (i < written.places.size()) report.place = written.places[i];
  }
}

void add_full_copies(std::vector<std::string> more, Plan& plan) {
  for (std::string& path : more) {
    auto& known = plan.full_copies;
    if (std::find(known.begin(), known.end(), path) != known.end()) continue;
    known.push_back(std::move(path));
  }
}

// An exclusion that a later rule overrode says nothing true any more.
void drop_outdated_exclusions(Plan& plan) {
  if (plan.exclusions.empty()) return;
  std::unordered_set<std::string> left_out;
  for (const Exclusion& exclusion : plan.exclusions) {
    left_out.insert(exclusion.path);
  }
  std::unordered_set<std::string> adapted;
  for (const Site& site : plan.sites) {
    std::string path = site.path();
    if (left_out.contains(path)) adapted.insert(std::move(path));
  }
  std::set<std::pair<std::string, std::string>> seen;
  std::vector<Exclusion> kept;
  for (Exclusion& exclusion : plan.exclusions) {
    if (adapted.count(exclusion.path)) continue;
    if (!seen.emplace(exclusion.path, exclusion.reason).second) continue;
    kept.push_back(std::move(exclusion));
  }
  plan.exclusions = std::move(kept);
}

void warn_of_shadowed_entries(Plan& plan) {
  for (const EntryReport& report : plan.entries) {
    const bool hits = !report.sites.empty() || report.held > 0;
    if (hits || report.shadowed == 0) continue;
    plan.warnings.push_back(
        quoted_entry(report) + (report.adapt ? " adds" : " holds back") +
        " nothing: earlier entries take all " +
        std::to_string(report.shadowed) + " modules that it hits");
  }
}

}  // namespace graft
