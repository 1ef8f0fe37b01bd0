// The plan as a person reads it. Entry point: plan_to_text.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <tuple>

#include "graft/match/plan.h"
#include "match/component_path_internal.h"
#include "match/suggestion_text_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

using Align = TextTable::Align;

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

// "q_proj + k_proj + v_proj"
std::string hf_names(const Site& site) {
  std::string out;
  for (const std::string& path : site.hf_paths) {
    if (!out.empty()) out += " + ";
    out += last_component(path);
  }
  return out;
}

// "linear_qkv", or "linear_q of linear_qkv" for a part.
std::string runtime_name(const Site& site) {
  const std::string module(last_component(site.module));
  if (!site.parameter.empty()) return site.parameter + " of " + module;
  return site.component.empty() ? module : site.component + " of " + module;
}

// Sites of one entry that differ only in their layer (or expert).
struct SiteGroup {
  const Site* first = nullptr;
  std::size_t count = 0;
  std::vector<std::int64_t> layers;
  std::uint64_t parameters = 0;
};

std::vector<SiteGroup> groups_of(const Plan& plan,
                                 const std::vector<std::size_t>& sites) {
  using Key = std::tuple<std::string, std::string, std::int64_t, std::int64_t,
                         std::int64_t, double, double>;
  std::vector<SiteGroup> groups;
  std::map<Key, std::size_t> index;
  for (const std::size_t i : sites) {
    const Site& site = plan.sites[i];
    const Key key{
        runtime_name(site), hf_names(site),     site.rows.size(), site.in,
        site.adapter.rank,  site.adapter.alpha, site.scale};
    const auto [at, is_new] = index.emplace(key, groups.size());
    if (is_new) groups.push_back({&site, 0, {}, 0});
    SiteGroup& group = groups[at->second];
    ++group.count;
    if (site.layer) group.layers.push_back(*site.layer);
    group.parameters += static_cast<std::uint64_t>(site.parameter_count());
  }
  return groups;
}

class PlanTable {
 public:
  explicit PlanTable(const Plan& plan)
      : plan_(plan), table_(columns(plan.has_family_table)) {
    for (const EntryReport& report : plan.entries) {
      several_rules_ = several_rules_ || report.rule > 0;
    }
  }

  std::string str() {
    add_header();
    for (const EntryReport& report : plan_.entries) {
      if (!report.sites.empty()) add_sites(label(report), report.sites);
    }
    add_sites("(no entry)", without_entry());
    return title() + '\n' + table_.str() + unmatched() + '\n' + totals() +
           exclusions() + warnings();
  }

 private:
  static std::vector<Align> columns(bool two_worlds) {
    std::vector<Align> out{Align::kLeft, Align::kLeft};
    if (two_worlds) out.push_back(Align::kLeft);
    out.insert(out.end(),
               {Align::kRight, Align::kLeft, Align::kRight, Align::kRight,
                Align::kRight, Align::kRight, Align::kRight});
    return out;
  }

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
    std::vector<std::string> cells{"entry", "module"};
    if (plan_.has_family_table) cells.emplace_back("Hugging Face");
    for (const char* cell : {"modules", "layers", "out x in", "rank", "alpha",
                             "scale", "parameters"}) {
      cells.emplace_back(cell);
    }
    table_.add_row(std::move(cells));
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

  void add_sites(std::string entry, const std::vector<std::size_t>& sites) {
    for (const SiteGroup& group : groups_of(plan_, sites)) {
      const Site& site = *group.first;
      std::vector<std::string> cells{entry, runtime_name(site)};
      if (plan_.has_family_table) cells.push_back(hf_names(site));
      const std::string shape =
          std::to_string(site.rows.size()) + " x " + std::to_string(site.in);
      for (std::string cell :
           {std::to_string(group.count), compress_layers(group.layers), shape,
            std::to_string(site.adapter.rank), number_text(site.adapter.alpha),
            number_text(site.scale), with_separators(group.parameters)}) {
        cells.push_back(std::move(cell));
      }
      table_.add_row(std::move(cells));
      entry.clear();
    }
  }

  std::string unmatched() const {
    std::string out;
    for (const EntryReport& report : plan_.entries) {
      if (report.sites.empty() && report.shadowed == 0) {
        out += unmatched_sentence(report) + '\n';
      }
    }
    return out.empty() ? out : '\n' + out;
  }

  std::string totals() const {
    const std::uint64_t trainable = plan_.trainable_parameters();
    std::string out = std::to_string(plan_.sites.size()) +
                      (plan_.sites.size() == 1 ? " adapter, " : " adapters, ") +
                      with_separators(trainable) + " trainable parameters";
    if (plan_.base_parameters > 0) {
      const double share = 100.0 * static_cast<double>(trainable) /
                           static_cast<double>(plan_.base_parameters);
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "%.3g", share);
      out += ", " + std::string(text.data()) + " % of the base's " +
             with_separators(plan_.base_parameters);
    }
    return out + '\n';
  }

  std::string exclusions() const {
    constexpr std::size_t kShown = 3;
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
      out += "left out (" + reason + "): ";
      for (std::size_t i = 0; i < paths.size() && i < kShown; ++i) {
        out += (i > 0 ? ", " : "") + paths[i];
      }
      if (paths.size() > kShown) {
        out += " and " + std::to_string(paths.size() - kShown) + " more";
      }
      out += '\n';
    }
    return out;
  }

  std::string warnings() const {
    std::string out;
    for (const std::string& warning : plan_.warnings) {
      out += "warning: " + warning + '\n';
    }
    return out;
  }

  const Plan& plan_;
  TextTable table_;
  bool several_rules_ = false;
};

}  // namespace

std::string plan_to_text(const Plan& plan) { return PlanTable(plan).str(); }

}  // namespace graft
