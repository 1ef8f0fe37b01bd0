// Compares two plans site by site. Entry points: diff_plans,
// plan_diff_to_text.
#include "graft/match/plan_diff.h"

#include <map>
#include <unordered_map>

#include "match/folded_path_internal.h"
#include "match/site_text_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

using Align = TextTable::Align;

std::string signed_text(std::uint64_t from, std::uint64_t to) {
  return to >= from ? "+" + with_separators(to - from)
                    : "-" + with_separators(from - to);
}

class DiffTable {
 public:
  explicit DiffTable(const PlanDiff& diff) : diff_(diff) {
    std::vector<std::string> folded;
    const auto add = [&](const Site& site) {
      folded.push_back(site_fold(site));
    };
    for (const Site& site : diff.lost) add(site);
    for (const Site& site : diff.gained) add(site);
    for (const auto& [from, to] : diff.changed) add(from);
    labels_ = short_labels(folded);
  }

  std::string str() {
    for (const Site& site : diff_.lost) add("-", site, settings_text(site));
    for (const Site& site : diff_.gained) add("+", site, settings_text(site));
    for (const auto& [from, to] : diff_.changed) {
      add("~", from, settings_change(from, to));
    }
    for (const auto& [key, grid] : groups_) {
      for (const LayerBlock& block : grid.blocks()) add_row(key, block);
    }
    return title() + table_.str() + totals();
  }

 private:
  struct Key {
    std::string sign;
    std::string label;
    std::string text;
    bool operator==(const Key&) const = default;
  };

  void add(const char* sign, const Site& site, const std::string& text) {
    const Key key{sign, labels_.at(site_fold(site)), text};
    const std::string joined = key.sign + '\n' + key.label + '\n' + text;
    const auto [at, is_new] = index_.emplace(joined, groups_.size());
    if (is_new) groups_.emplace_back(key, LayerGrid());
    groups_[at->second].second.add(site.layer, site.expert);
  }

  void add_row(const Key& key, const LayerBlock& block) {
    table_.add_row({"  " + key.sign, key.label, block_text(block),
                    with_separators(block.count), key.text});
  }

  std::string title() const {
    const std::string names = "From " + diff_.from + " to " + diff_.to + ": ";
    if (diff_.empty()) return names + "no difference\n";
    return names + with_separators(diff_.gained.size()) + " gained, " +
           with_separators(diff_.lost.size()) + " lost, " +
           with_separators(diff_.changed.size()) + " changed\n\n";
  }

  std::string totals() const {
    if (!diff_.has_shapes || diff_.empty()) return "";
    return "\ntrainable parameters " + with_separators(diff_.from_parameters) +
           " -> " + with_separators(diff_.to_parameters) + " (" +
           signed_text(diff_.from_parameters, diff_.to_parameters) + ")\n";
  }

  const PlanDiff& diff_;
  std::map<std::string, std::string> labels_;
  std::vector<std::pair<Key, LayerGrid>> groups_;
  std::unordered_map<std::string, std::size_t> index_;
  TextTable table_{
      {Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft}};
};

}  // namespace

PlanDiff diff_plans(const Plan& from, const Plan& to) {
  PlanDiff out;
  out.from = from.source;
  out.to = to.source;
  out.from_parameters = from.trainable_parameters();
  out.to_parameters = to.trainable_parameters();
  out.has_shapes = from.has_shapes() && to.has_shapes();
  std::unordered_map<std::string, const Site*> known;
  for (const Site& site : from.sites) known.emplace(site.path(), &site);
  for (const Site& site : to.sites) {
    const auto found = known.find(site.path());
    if (found == known.end()) {
      out.gained.push_back(site);
      continue;
    }
    if (!(found->second->adapter == site.adapter)) {
      out.changed.emplace_back(*found->second, site);
    }
    known.erase(found);
  }
  for (const Site& site : from.sites) {
    if (known.contains(site.path())) out.lost.push_back(site);
  }
  return out;
}

std::string plan_diff_to_text(const PlanDiff& diff) {
  return DiffTable(diff).str();
}

}  // namespace graft
