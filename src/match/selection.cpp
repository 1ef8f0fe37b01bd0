// First hit wins, row by row: which entry gets which rows of each module, and
// what the others are told.
#include "match/selection_internal.h"

#include <algorithm>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "match/component_path_internal.h"
#include "match/entry_advice_internal.h"
#include "match/entry_set_internal.h"
#include "match/kind_term_internal.h"
#include "match/megatron_lint_internal.h"
#include "match/site_maker_internal.h"

namespace graft {
namespace {

// Rows of one module that a rule gave to an entry.
struct Claim {
  RowSet rows;
  std::size_t part = kWhole;
  std::size_t rule = 0;
  std::size_t entry = kNoEntry;

  // A whole module overlaps its parts also where sizes are unknown.
  bool overlaps(const Claim& other) const {
    return part == kWhole || other.part == kWhole || rows.overlaps(other.rows);
  }
};

class Selection {
 public:
  Selection(const Inventory& inventory, const std::vector<Rule>& rules,
            const CompiledRules& compiled)
      : inventory_(inventory), rules_(rules) {
    for (std::size_t rule = 0; rule < rules.size(); ++rule) {
      runs_.push_back(compiled[rule]->start(inventory));
      first_report_.push_back(plan_.entries.size());
      add_reports(rule, rules[rule], runs_.back()->entries(), plan_);
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
    drop_outdated_exclusions(plan_);
    advise_unmatched(inventory_, rules_, plan_);
    add_warnings();
    return std::move(plan_);
  }

  std::vector<HitTrace> trace(std::size_t module) {
    std::vector<HitTrace> out;
    trace_ = &out;
    add_module(module);
    trace_ = nullptr;
    return out;
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
        trace_skipped_head(rule);
      }
      for (const EntryHit& hit : hits.hits) add_hit(module, rule, hit, hits);
    }
    std::stable_sort(claims_.begin(), claims_.end(),
                     [](const Claim& a, const Claim& b) {
                       return a.rows.begin < b.rows.begin;
                     });
    for (const Claim& claim : claims_) {
      if (rules_[claim.rule].adapt) {
        add_site(module, claim);
      } else {
        hold(module, claim);
      }
    }
  }

  void trace_hit(const Claim& claim, TrialOutcome outcome,
                 std::string reason = {}) {
    if (!trace_) return;
    trace_->push_back(
        {claim.rule, claim.entry, claim.part, outcome, std::move(reason)});
  }

  void trace_skipped_head(std::size_t rule) {
    if (!trace_) return;
    const auto& entries = runs_[rule]->entries();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (is_all_linear(entries[i]) ||
          is_linear_kind_entry(entries[i], rules_[rule].syntax)) {
        trace_hit({{}, kWhole, rule, i}, TrialOutcome::kHeadSkipped);
      }
    }
  }

  // "rule 2, entry 'q_proj', has these rows"
  std::string owner_text(const Claim& owner, const Claim& claim) const {
    std::string out;
    if (rules_.size() > 1 && owner.rule != claim.rule) {
      out = "rule " + std::to_string(owner.rule + 1);
    }
    if (owner.entry != kNoEntry) {
      out += (out.empty() ? "entry '" : ", entry '") +
             runs_[owner.rule]->entries()[owner.entry] + "',";
    }
    return out + " has " + (claim.part == kWhole ? "it" : "these rows");
  }

  // What a rule says beyond its hits on layers.
  void finish_rule(std::size_t rule) {
    for (const ParameterHit& hit : runs_[rule]->parameter_hits()) {
      add_parameter_site(rule, hit);
    }
    add_full_copies(runs_[rule]->full_copies(), plan_);
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
    Site site = make_site(inventory_, hit);
    site.rule = rule;
    site.pattern = report_of(rule, hit.entries.front())->entry;
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

  // A claim of an earlier rule on these rows, or null.
  const Claim* earlier_owner(const Claim& claim) const {
    const auto found =
        std::find_if(claims_.begin(), claims_.end(), [&](const Claim& other) {
          return other.rule < claim.rule && other.overlaps(claim);
        });
    return found == claims_.end() ? nullptr : &*found;
  }

  // The whole layer stays one unit unless the rule wants parts, or some of its
  // rows are not to be had.
  std::vector<std::size_t> units_of(const ModuleInfo& info, std::size_t rule,
                                    const EntryHit& hit,
                                    const ModuleHits& hits) const {
    if (!hit.whole) return hit.parts;
    const std::vector<std::size_t> parts = own_parts(info);
    if (parts.empty()) return {kWhole};
    // One adapter for gate and up of an expert, as the reference has it.
    bool split = rules_[rule].adapter.kind == AdapterKind::kCanonicalLora &&
                 info.kind != LayerKind::kTeGrouped;
    for (const std::size_t part : parts) {
      split = split || exclusion_of(hits, part) ||
              earlier_owner({info.parts[part].rows, part, rule, hit.entry});
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
      const Claim claim{rows_of_part(info, part), part, rule, hit.entry};
      if (const PartExclusion* exclusion = exclusion_of(hits, part)) {
        exclude(exclusion->part == kWhole ? info.path : part_path(info, part),
                exclusion->reason);
        excluded = true;
        trace_hit(claim, TrialOutcome::kExcluded, exclusion->reason);
      } else if (const Claim* owner = owner_of(info, claim)) {
        shadowed = true;
        trace_hit(claim, TrialOutcome::kTaken, owner_text(*owner, claim));
      } else {
        claims_.push_back(claim);
        trace_hit(claim, rules_[rule].adapt ? TrialOutcome::kWins
                                            : TrialOutcome::kHolds);
      }
    }
    if (report && shadowed) ++report->shadowed;
    if (report && excluded) ++report->excluded;
  }

  static std::string part_path(const ModuleInfo& info, std::size_t part) {
    if (part == kWhole) return info.path;
    return component_path(info.path, info.parts[part].component);
  }

  // Who has these rows already, or null. Within a rule it is a problem when an
  // earlier entry has them in another form.
  const Claim* owner_of(const ModuleInfo& info, const Claim& claim) {
    if (const Claim* owner = earlier_owner(claim)) return owner;
    for (const Claim& other : claims_) {
      if (other.rule != claim.rule || !other.overlaps(claim)) continue;
      const bool same = other.rows == claim.rows && other.part == claim.part;
      if (!same && rules_[claim.rule].adapt) add_conflict(info, claim, other);
      return &other;
    }
    return nullptr;
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

  // Rows of a rule with adapt: false.
  void hold(std::size_t module, const Claim& claim) {
    const ModuleInfo& info = inventory_.modules[module];
    std::string reason = "rule " + std::to_string(claim.rule + 1) + ", ";
    if (EntryReport* report = report_of(claim.rule, claim.entry)) {
      ++report->held;
      reason += "'" + report->entry + "', ";
    }
    exclude(part_path(info, claim.part), reason + "adapt: false");
  }

  void add_site(std::size_t module, const Claim& claim) {
    Site site = make_site(inventory_, module, claim.part);
    site.rule = claim.rule;
    site.adapter = runs_[claim.rule]->settings(module, claim.part);
    EntryReport* report = report_of(claim.rule, claim.entry);
    site.pattern =
        report ? report->entry : std::string(last_component(site.module));
    if (site.adapter.rank < 1) return add_bad_rank(site);
    site.scale = lora_scale(site.adapter);
    if (report) report->sites.push_back(plan_.sites.size());
    plan_.sites.push_back(std::move(site));
  }

  void add_bad_rank(const Site& site) {
    problems_.push_back(ErrorText{.operation = "plan",
                                  .what = "rank of '" + site.path() + "'",
                                  .got = std::to_string(site.adapter.rank),
                                  .expected = "a positive number"}
                            .str());
  }

  void add_warnings() {
    plan_.dot_differences = lint_megatron(inventory_, rules_);
    append(dot_warnings(plan_.dot_differences), plan_.warnings);
    for (const auto& rule_run : runs_) {
      append(rule_run->warnings(), plan_.warnings);
    }
    warn_of_shadowed_entries(plan_);
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
  std::vector<HitTrace>* trace_ = nullptr;
};

}  // namespace

Plan select_sites(const Inventory& inventory, const std::vector<Rule>& rules,
                  const CompiledRules& compiled) {
  return Selection(inventory, rules, compiled).run();
}

std::vector<std::vector<HitTrace>> trace_modules(
    const Inventory& inventory, const std::vector<Rule>& rules,
    const CompiledRules& compiled, const std::vector<std::size_t>& modules) {
  Selection selection(inventory, rules, compiled);
  std::vector<std::vector<HitTrace>> out;
  for (const std::size_t module : modules) {
    out.push_back(selection.trace(module));
  }
  return out;
}

}  // namespace graft
