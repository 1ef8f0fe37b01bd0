// First hit wins, row by row: which entry gets which rows of each module, and
// what the others are told.
#include "match/selection_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "match/component_path_internal.h"
#include "match/entry_advice_internal.h"
#include "match/megatron_lint_internal.h"
#include "match/suggestion_text_internal.h"

namespace graft {
namespace {

// Rows of one module that a rule gave to an entry.
struct Claim {
  RowSet rows;
  std::size_t part = kWhole;
  std::size_t rule = 0;
  std::size_t entry = kNoEntry;
};

class Selection {
 public:
  Selection(const Inventory& inventory, const std::vector<Rule>& rules,
            const std::vector<std::unique_ptr<CompiledRule>>& compiled)
      : inventory_(inventory), rules_(rules) {
    for (std::size_t rule = 0; rule < rules.size(); ++rule) {
      runs_.push_back(compiled[rule]->start(inventory));
      first_report_.push_back(plan_.entries.size());
      for (const std::string& entry : runs_.back()->entries()) {
        EntryReport& report = plan_.entries.emplace_back();
        report.rule = rule;
        report.entry = entry;
        const std::size_t index =
            plan_.entries.size() - 1 - first_report_[rule];
        if (index < rules[rule].places.size()) {
          report.place = rules[rule].places[index];
        }
      }
    }
  }

  Plan run() {
    plan_.source = inventory_.source;
    plan_.model_type = inventory_.model_type;
    plan_.has_family_table = inventory_.has_family_table;
    plan_.table_problem = inventory_.table_problem;
    plan_.base_parameters = inventory_.total_parameters;
    for (std::size_t m = 0; m < inventory_.modules.size(); ++m) add_module(m);
    for (std::size_t rule = 0; rule < runs_.size(); ++rule) finish_rule(rule);
    for (const auto& rule_run : runs_) append(rule_run->problems(), problems_);
    throw_problems();
    drop_outdated_exclusions();
    advise_unmatched(inventory_, rules_, plan_);
    add_warnings();
    return std::move(plan_);
  }

 private:
  static void append(std::vector<std::string> more,
                     std::vector<std::string>& out) {
    std::move(more.begin(), more.end(), std::back_inserter(out));
  }

  void throw_problems() const {
    if (problems_.empty()) return;
    constexpr std::size_t kShown = 8;
    std::string text;
    for (std::size_t i = 0; i < problems_.size() && i < kShown; ++i) {
      if (i > 0) text += '\n';
      text += problems_[i];
    }
    if (problems_.size() > kShown) {
      text += "\nand " + std::to_string(problems_.size() - kShown) + " more";
    }
    throw ConfigError(text);
  }

  void add_module(std::size_t module) {
    claims_.clear();
    for (std::size_t rule = 0; rule < runs_.size(); ++rule) {
      const ModuleHits hits = runs_[rule]->hits(module);
      if (hits.head_skipped && hits.hits.empty()) {
        exclude(inventory_.modules[module].path, "output head");
      }
      for (const EntryHit& hit : hits.hits) add_hit(module, rule, hit, hits);
    }
    std::stable_sort(claims_.begin(), claims_.end(),
                     [](const Claim& a, const Claim& b) {
                       return a.rows.begin < b.rows.begin;
                     });
    for (const Claim& claim : claims_) add_site(module, claim);
  }

  // What a rule says beyond its hits on layers.
  void finish_rule(std::size_t rule) {
    for (const ParameterHit& hit : runs_[rule]->parameter_hits()) {
      add_parameter_site(rule, hit);
    }
    append(runs_[rule]->full_copies(), plan_.full_copies);
    if (auto empty = runs_[rule]->empty_rule()) {
      empty->rule = rule;
      plan_.empty_rules.push_back(*std::move(empty));
    }
  }

  void add_parameter_site(std::size_t rule, const ParameterHit& hit) {
    const bool is_first = adapted_parameters_.insert(hit.hf_path).second;
    for (const std::size_t entry : hit.entries) {
      EntryReport& report = *report_of(rule, entry);
      if (is_first && entry == hit.entries.front()) {
        report.sites.push_back(plan_.sites.size());
      } else {
        ++report.shadowed;
      }
    }
    if (!is_first) return;
    const ModuleInfo& info = inventory_.modules[hit.module];
    Site site;
    site.module = info.path;
    site.component = hit.component;
    site.parameter = hit.parameter;
    site.experts = hit.experts;
    site.hf_paths = {hit.hf_path};
    site.hf_rows = {hit.rows};
    site.rows = hit.rows;
    site.in = hit.in;
    site.module_out = hit.rows.size();
    site.layer_kind = info.kind;
    site.layer = info.layer;
    site.rule = rule;
    site.pattern = report_of(rule, hit.entries.front())->entry;
    site.adapter = hit.adapter;
    site.scale = lora_scale(site.adapter);
    plan_.sites.push_back(std::move(site));
  }

  EntryReport* report_of(std::size_t rule, std::size_t entry) {
    if (entry == kNoEntry) return nullptr;
    return &plan_.entries[first_report_[rule] + entry];
  }

  void exclude(std::string path, const std::string& reason) {
    plan_.exclusions.push_back({std::move(path), reason});
  }

  // Parts that can carry adapters of their own.
  static std::vector<std::size_t> own_parts(const ModuleInfo& info) {
    std::vector<std::size_t> parts;
    for (std::size_t i = 0; i < info.parts.size(); ++i) {
      if (!info.parts[i].component.empty()) parts.push_back(i);
    }
    return parts;
  }

  RowSet rows_of(const ModuleInfo& info, std::size_t part) const {
    return part == kWhole ? RowSet{0, info.out} : info.parts[part].rows;
  }

  // An exclusion that covers the part, or null.
  static const PartExclusion* exclusion_of(const ModuleHits& hits,
                                           std::size_t part) {
    for (const PartExclusion& exclusion : hits.exclusions) {
      if (exclusion.part == kWhole || exclusion.part == part) {
        return &exclusion;
      }
    }
    return nullptr;
  }

  bool is_taken_earlier(RowSet rows, std::size_t rule) const {
    return std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) {
      return claim.rule < rule && claim.rows.overlaps(rows);
    });
  }

  // The whole layer stays one unit unless the rule wants parts, or some of its
  // rows are not to be had.
  std::vector<std::size_t> units_of(const ModuleInfo& info, std::size_t rule,
                                    const EntryHit& hit,
                                    const ModuleHits& hits) const {
    if (!hit.whole) return hit.parts;
    const std::vector<std::size_t> parts = own_parts(info);
    if (parts.empty()) return {kWhole};
    bool split = rules_[rule].adapter.kind == AdapterKind::kCanonicalLora;
    for (const std::size_t part : parts) {
      split = split || exclusion_of(hits, part) ||
              is_taken_earlier(info.parts[part].rows, rule);
    }
    return split ? parts : std::vector<std::size_t>{kWhole};
  }

  void add_hit(std::size_t module, std::size_t rule, const EntryHit& hit,
               const ModuleHits& hits) {
    const ModuleInfo& info = inventory_.modules[module];
    EntryReport* report = report_of(rule, hit.entry);
    bool shadowed = false;
    bool excluded = false;
    for (const std::size_t part : units_of(info, rule, hit, hits)) {
      const Claim claim{rows_of(info, part), part, rule, hit.entry};
      if (const PartExclusion* exclusion = exclusion_of(hits, part)) {
        exclude(exclusion->part == kWhole ? info.path : part_path(info, part),
                exclusion->reason);
        excluded = true;
      } else if (is_taken_earlier(claim.rows, rule) ||
                 is_taken_here(info, claim)) {
        shadowed = true;
      } else {
        claims_.push_back(claim);
      }
    }
    if (report && shadowed) ++report->shadowed;
    if (report && excluded) ++report->excluded;
  }

  static std::string part_path(const ModuleInfo& info, std::size_t part) {
    if (part == kWhole) return info.path;
    return component_path(info.path, info.parts[part].component);
  }

  // An earlier entry of the same rule has these rows; in another form it is a
  // problem.
  bool is_taken_here(const ModuleInfo& info, const Claim& claim) {
    for (const Claim& other : claims_) {
      if (other.rule != claim.rule || !other.rows.overlaps(claim.rows)) {
        continue;
      }
      if (other.rows == claim.rows) return true;
      add_conflict(info, claim, other);
      return true;
    }
    return false;
  }

  void add_conflict(const ModuleInfo& info, const Claim& claim,
                    const Claim& other) {
    const auto& entries = runs_[claim.rule]->entries();
    const auto pair = std::make_pair(claim.entry, other.entry);
    if (!conflicts_.insert(pair).second) return;
    problems_.push_back(ErrorText{
        .operation = "plan",
        .what = "'" + entries[other.entry] + "' adapts '" +
                part_path(info, other.part) + "' and '" + entries[claim.entry] +
                "' adapts '" + part_path(info, claim.part) +
                "', which share rows of '" + info.path + "'",
        .hint = "Choose one fused adapter or one for each "
                "projection; with rules, the first hit wins"}
                            .str());
  }

  void add_site(std::size_t module, const Claim& claim) {
    const ModuleInfo& info = inventory_.modules[module];
    Site site;
    site.module = info.path;
    site.rows = claim.rows;
    site.in = info.in;
    site.module_out = info.out;
    site.layer_kind = info.kind;
    site.layer = info.layer;
    site.expert = info.expert;
    site.rule = claim.rule;
    site.adapter = runs_[claim.rule]->settings(module, claim.part);
    add_names(info, claim, site);
    EntryReport* report = report_of(claim.rule, claim.entry);
    site.pattern = report ? report->entry : std::string(info.name());
    if (site.adapter.rank < 1) return add_bad_rank(site);
    site.scale = lora_scale(site.adapter);
    if (report) report->sites.push_back(plan_.sites.size());
    plan_.sites.push_back(std::move(site));
  }

  void add_names(const ModuleInfo& info, const Claim& claim, Site& site) const {
    if (claim.part != kWhole) {
      const ModulePart& part = info.parts[claim.part];
      site.component = part.component;
      site.hf_paths = {part.path};
      site.hf_rows = {part.rows};
      return;
    }
    for (const ModulePart& part : info.parts) {
      site.hf_paths.push_back(part.path);
      site.hf_rows.push_back(part.rows);
    }
    if (info.parts.empty() && !inventory_.has_family_table) {
      site.hf_paths = {info.path};
      site.hf_rows = {site.rows};
    }
  }

  void add_bad_rank(const Site& site) {
    problems_.push_back(ErrorText{.operation = "plan",
                                  .what = "rank of '" + site.path() + "'",
                                  .got = std::to_string(site.adapter.rank),
                                  .expected = "a positive number"}
                            .str());
  }

  // An exclusion that a later rule overrode says nothing true any more.
  void drop_outdated_exclusions() {
    if (plan_.exclusions.empty()) return;
    std::set<std::string> adapted;
    for (const Site& site : plan_.sites) {
      adapted.insert(site.path());
    }
    std::set<std::pair<std::string, std::string>> seen;
    std::vector<Exclusion> kept;
    for (Exclusion& exclusion : plan_.exclusions) {
      if (adapted.count(exclusion.path)) continue;
      if (!seen.emplace(exclusion.path, exclusion.reason).second) continue;
      kept.push_back(std::move(exclusion));
    }
    plan_.exclusions = std::move(kept);
  }

  void add_warnings() {
    append(lint_megatron(inventory_, rules_), plan_.warnings);
    for (const auto& rule_run : runs_) {
      append(rule_run->warnings(), plan_.warnings);
    }
    for (const EntryReport& report : plan_.entries) {
      if (!report.sites.empty() || report.shadowed == 0) continue;
      plan_.warnings.push_back(
          quoted_entry(report) + " adds nothing: earlier entries take all " +
          std::to_string(report.shadowed) + " modules that it hits");
    }
  }

  const Inventory& inventory_;
  const std::vector<Rule>& rules_;
  std::vector<std::unique_ptr<RuleRun>> runs_;
  std::vector<std::size_t> first_report_;  // by rule, into plan_.entries
  Plan plan_;
  std::vector<Claim> claims_;  // of the module at hand
  std::set<std::pair<std::size_t, std::size_t>> conflicts_;
  std::set<std::string> adapted_parameters_;
  std::vector<std::string> problems_;
};

}  // namespace

Plan select_sites(const Inventory& inventory, const std::vector<Rule>& rules,
                  const std::vector<std::unique_ptr<CompiledRule>>& compiled) {
  return Selection(inventory, rules, compiled).run();
}

}  // namespace graft
