// The plan as a person reads it. Entry point: plan_to_text.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "graft/match/plan.h"
#include "match/component_path_internal.h"
#include "match/folded_path_internal.h"
#include "match/site_text_internal.h"
#include "match/suggestion_text_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

using Align = TextTable::Align;

constexpr std::size_t kListWidth = 20;  // columns of a list of layers

// Sites of one entry with the same settings, path and shape.
struct SiteGroup {
  const Site* first = nullptr;
  std::string folded;
  LayerGrid grid;
};

// Equal for sites of one group; cheap, because a plan may have 50,000.
std::string group_key(const Site& site, const std::string& folded) {
  std::string out = folded;
  const auto add = [&out](const auto& value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const AdapterSettings& settings = site.adapter;
  add(site.rows.end - site.rows.begin);
  add(site.experts);
  add(site.in);
  add(settings.kind);
  add(settings.rank);
  add(settings.alpha);
  add(settings.rslora);
  add(settings.dropout);
  add(settings.init);
  return out;
}

// By settings first: each is a heading of its own.
std::vector<std::vector<SiteGroup>> groups_of(
    const Plan& plan, const std::vector<std::size_t>& sites,
    const std::vector<std::string>& folded) {
  std::vector<SiteGroup> groups;
  std::unordered_map<std::string, std::size_t> index;
  for (const std::size_t i : sites) {
    const Site& site = plan.sites[i];
    const auto [at, is_new] =
        index.emplace(group_key(site, folded[i]), groups.size());
    if (is_new) groups.push_back({&site, folded[i], {}});
    groups[at->second].grid.add(site.layer, site.expert);
  }
  std::vector<std::vector<SiteGroup>> out;
  std::map<std::string, std::size_t> blocks;
  for (SiteGroup& group : groups) {
    const auto [at, is_new] =
        blocks.emplace(settings_text(*group.first), out.size());
    if (is_new) out.emplace_back();
    out[at->second].push_back(std::move(group));
  }
  return out;
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g",
                100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text.data();
}

std::string counted(std::size_t count, const char* word) {
  return with_separators(count) + " " + word + (count == 1 ? "" : "s");
}

class PlanTable {
 public:
  explicit PlanTable(const Plan& plan) : plan_(plan) {
    std::unordered_set<std::string> distinct;
    for (const Site& site : plan.sites) {
      folded_.push_back(site_fold(site));
      distinct.insert(folded_.back());
    }
    labels_ = short_labels({distinct.begin(), distinct.end()});
    for (const EntryReport& report : plan.entries) {
      several_rules_ = several_rules_ || report.rule > 0;
    }
  }

  std::string str() {
    add_header();
    for (const EntryReport& report : plan_.entries) {
      if (!report.sites.empty())
        add_sites(label(report), report.sites, &report);
      if (!report.adapt) add_held(report);
    }
    add_sites("every linear layer", without_entry(), nullptr);
    const std::string table = table_.str();
    const std::string missed = unmatched();
    const bool both = !table.empty() && !missed.empty();
    return title() + '\n' + table + (both ? "\n" : "") + missed +
           (table.empty() && missed.empty() ? "" : "\n") + totals() +
           full_copies() + exclusions() + warnings();
  }

 private:
  std::string title() const {
    std::string out = "Plan for " + plan_.source;
    if (plan_.model_type) out += " (" + *plan_.model_type + ')';
    if (!plan_.has_family_table) {
      out += "\nOnly the names in the file are known: " +
             (plan_.table_problem.empty() ? "no table of this family."
                                          : plan_.table_problem);
    }
    return out + '\n';
  }

  void add_header() {
    if (plan_.sites.empty()) return;
    const bool two_worlds = plan_.has_family_table;
    table_.add_row({"  module", two_worlds ? "Hugging Face" : "", "layers",
                    has_experts() ? "experts" : "", "out x in", "modules",
                    "parameters"});
  }

  bool has_experts() const {
    return std::any_of(
        plan_.sites.begin(), plan_.sites.end(),
        [](const Site& site) { return site.expert || site.experts > 1; });
  }

  std::string label(const EntryReport& report) const {
    if (!several_rules_) return report.entry;
    return std::to_string(report.rule + 1) + ": " + report.entry;
  }

  // Sites of exclude mode.
  std::vector<std::size_t> without_entry() const {
    std::vector<bool> known(plan_.sites.size(), false);
    for (const EntryReport& report : plan_.entries) {
      for (const std::size_t site : report.sites) known[site] = true;
    }
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < known.size(); ++i) {
      if (!known[i]) out.push_back(i);
    }
    return out;
  }

  void add_held(const EntryReport& report) {
    if (report.held == 0 && report.refusal.empty()) return;
    table_.add_line(label(report) + "  (no adapter: " +
                    (report.held > 0
                         ? "holds " + counted(report.held, "module") + " back"
                         : report.refusal) +
                    ")");
  }

  // What else it hits: ", 4 taken earlier, 2 excluded".
  static std::string misses(const EntryReport& report) {
    std::string out;
    if (report.shadowed > 0) {
      out += ", " + with_separators(report.shadowed) + " taken earlier";
    }
    if (report.excluded > 0) {
      out += ", " + with_separators(report.excluded) + " excluded";
    }
    return out;
  }

  void add_sites(const std::string& entry,
                 const std::vector<std::size_t>& sites,
                 const EntryReport* report) {
    for (const auto& groups : groups_of(plan_, sites, folded_)) {
      std::size_t count = 0;
      for (const SiteGroup& group : groups) {
        for (const LayerBlock& block : group.grid.blocks()) {
          count += block.count;
        }
      }
      table_.add_line(entry + "  (" + counted(count, "module") +
                      (report ? misses(*report) : "") + "; " +
                      settings_text(*groups.front().first) + ')');
      for (const SiteGroup& group : groups) {
        for (const LayerBlock& block : group.grid.blocks()) {
          add_block(group, block);
        }
      }
    }
  }

  // Of one adapter for all experts: all of them.
  static std::string experts_text(const Site& site, const LayerBlock& block) {
    if (site.experts == 1) return compress_layers(block.experts);
    return "0-" + std::to_string(site.experts - 1);
  }

  // Long lists go on below.
  void add_block(const SiteGroup& group, const LayerBlock& block) {
    const Site& site = *group.first;
    const auto layers = split_list(compress_layers(block.layers), kListWidth);
    const auto experts = split_list(experts_text(site, block), kListWidth);
    const bool known = site.has_shape();
    const std::uint64_t parameters =
        block.count * static_cast<std::uint64_t>(site.parameter_count());
    table_.add_row({"  " + labels_.at(group.folded),
                    plan_.has_family_table ? hf_label(site.hf_paths) : "",
                    layers[0], experts[0],
                    known ? std::to_string(site.rows_of_expert()) + " x " +
                                std::to_string(site.in)
                          : "?",
                    with_separators(block.count),
                    known ? with_separators(parameters) : "?"});
    for (std::size_t i = 1; i < std::max(layers.size(), experts.size()); ++i) {
      table_.add_row({"", "", i < layers.size() ? layers[i] : "",
                      i < experts.size() ? experts[i] : ""});
    }
  }

  std::string unmatched() const {
    std::string out;
    for (const EntryReport& report : plan_.entries) {
      if (is_unmatched(report)) {
        out += wrap_text(unmatched_sentence(report), 2) + '\n';
      }
    }
    return out;
  }

  std::string totals() const {
    std::string out = counted(plan_.sites.size(), "adapter");
    if (!plan_.has_shapes()) {
      return out + ", shapes and parameters unknown: names say neither\n";
    }
    const std::uint64_t trainable = plan_.trainable_parameters();
    out += ", " + with_separators(trainable) + " trainable parameters";
    if (plan_.base_parameters > 0) {
      out += ", " + share_text(trainable, plan_.base_parameters) +
             " % of the base's " + with_separators(plan_.base_parameters);
    }
    return out + '\n';
  }

  std::string full_copies() const {
    if (plan_.full_copies.empty()) return "";
    return wrap_text("trained in full (modules_to_save): " +
                         folded_labels(plan_.full_copies),
                     2) +
           '\n';
  }

  std::string exclusions() const {
    std::vector<std::pair<std::string, std::vector<std::string>>> reasons;
    for (const Exclusion& exclusion : plan_.exclusions) {
      const auto same = [&](const auto& row) {
        return row.first == exclusion.reason;
      };
      auto at = std::find_if(reasons.begin(), reasons.end(), same);
      if (at == reasons.end()) {
        at = reasons.insert(reasons.end(), {exclusion.reason, {}});
      }
      at->second.push_back(exclusion.path);
    }
    std::string out;
    for (const auto& [reason, paths] : reasons) {
      out +=
          wrap_text("left out (" + reason + "): " + folded_labels(paths), 2) +
          '\n';
    }
    return out;
  }

  std::string warnings() const {
    std::string out;
    for (const std::string& warning : plan_.warnings) {
      out += wrap_text("warning: " + warning, 2) + '\n';
    }
    return out;
  }

  const Plan& plan_;
  TextTable table_{{Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft,
                    Align::kRight, Align::kRight, Align::kRight}};
  std::vector<std::string> folded_;  // of each site
  std::map<std::string, std::string> labels_;
  bool several_rules_ = false;
};

}  // namespace

std::string plan_to_text(const Plan& plan) { return PlanTable(plan).str(); }

}  // namespace graft
