// Finds the module that a path names, and asks the selection what became of
// every hit on it. Entry point: explain_module.
#include "graft/match/explanation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "graft/base/edit_distance.h"
#include "graft/base/error.h"
#include "match/component_path_internal.h"
#include "match/explanation_internal.h"
#include "match/folded_path_internal.h"
#include "match/kind_term_internal.h"
#include "match/suggestion_text_internal.h"

namespace graft {
namespace {

constexpr std::size_t kMaxNearest = 3;

// The module, or one part of it.
struct Unit {
  std::size_t module = 0;
  std::size_t part = kWhole;
};

// Calls look(name, unit) for every name of every module.
template <typename Look>
void for_each_name(const Inventory& inventory, const Look& look) {
  for (std::size_t m = 0; m < inventory.modules.size(); ++m) {
    const ModuleInfo& info = inventory.modules[m];
    look(info.path, Unit{m, kWhole});
    for (std::size_t i = 0; i < info.parts.size(); ++i) {
      const ModulePart& part = info.parts[i];
      const Unit unit{m, part.component.empty() ? kWhole : i};
      look(part.path, unit);
      if (part.component.empty()) continue;
      look(component_path(info.path, part.component), unit);
    }
  }
}

[[noreturn]] void refuse_name(const Inventory& inventory,
                              const std::string& asked) {
  std::vector<std::string> names;
  std::vector<std::string> ends;  // names whose last component is `asked`
  for_each_name(inventory, [&](const std::string& name, Unit) {
    if (!ends.empty() && ends.back() == name) return;
    if (last_component(name) == asked) ends.push_back(name);
    if (names.empty() || names.back() != name) names.push_back(name);
  });
  std::string hint;
  if (!ends.empty()) {
    hint = std::to_string(ends.size()) + " modules end in it: give one path, " +
           "for instance " + ends.front();
  } else {
    for (const std::string& name : nearest_names(asked, names, kMaxNearest)) {
      hint += (hint.empty() ? "Nearest: " : ", ") + name;
    }
  }
  throw ConfigError(
      ErrorText{.operation = "plan",
                .what = "--explain: '" + asked +
                        "' names no module of the model, in either naming",
                .hint = hint});
}

Unit find_unit(const Inventory& inventory, const std::string& asked) {
  std::optional<Unit> found;
  std::string wanted = asked;
  for (const char* suffix : {"", ".weight", ".bias"}) {
    if (!asked.ends_with(suffix)) continue;
    wanted = asked.substr(0, asked.size() - std::string_view(suffix).size());
    for_each_name(inventory, [&](const std::string& name, Unit unit) {
      if (!found && name == wanted) found = unit;
    });
    if (found) return *found;
  }
  refuse_name(inventory, asked);
}

class Explainer {
 public:
  Explainer(const Inventory& inventory, const std::vector<Rule>& rules,
            const CompiledRules& compiled)
      : inventory_(inventory),
        rules_(rules),
        compiled_(compiled),
        plan_(select_sites(inventory, rules, compiled)) {}

  Explanation explain(const std::string& asked) {
    unit_ = find_unit(inventory_, asked);
    out_.asked = asked;
    if (const auto same = inventory_.modules[unit_.module].same_as) {
      unit_.module = *same;
      out_.same_as = inventory_.modules[*same].path;
    }
    describe(inventory_.modules[unit_.module]);
    for (const Site& site : plan_.sites) {
      const bool here = site.module == out_.module;
      if (here && (unit_.part == kWhole || site.rows.overlaps(out_.rows))) {
        out_.sites.push_back(site);
      }
    }
    add_trials();
    if (out_.trials.empty() && out_.takes_adapters) add_nearest();
    return std::move(out_);
  }

 private:
  void describe(const ModuleInfo& info) {
    out_.module = info.path;
    out_.layer_kind = info.kind;
    out_.output_head = info.output_head;
    out_.in = info.in;
    out_.layer = info.layer;
    out_.expert = info.expert;
    out_.takes_adapters = takes_adapter(info.kind);
    if (unit_.part == kWhole) {
      out_.path = info.path;
      out_.rows = {0, info.out};
      for (const ModulePart& part : info.parts) {
        out_.hf_paths.push_back(part.path);
      }
      return;
    }
    const ModulePart& part = info.parts[unit_.part];
    out_.path = component_path(info.path, part.component);
    out_.rows = part.rows;
    out_.hf_paths = {part.path};
  }

  bool concerns(const HitTrace& trace) const {
    return unit_.part == kWhole || trace.part == kWhole ||
           trace.part == unit_.part;
  }

  void add_trials() {
    const auto traces =
        trace_modules(inventory_, rules_, compiled_, {unit_.module});
    const ModuleInfo& info = inventory_.modules[unit_.module];
    for (const HitTrace& trace : traces.front()) {
      if (!concerns(trace)) continue;
      EntryTrial trial;
      trial.rule = trace.rule;
      trial.outcome = trace.outcome;
      trial.reason = trace.reason;
      trial.path =
          trace.part == kWhole
              ? info.path
              : component_path(info.path, info.parts[trace.part].component);
      if (trace.entry != kNoEntry) fill_entry(trace.rule, trace.entry, trial);
      out_.trials.push_back(std::move(trial));
    }
  }

  // The plan's reports are in rule order, then entry order.
  template <typename Named>
  void fill_entry(std::size_t rule, std::size_t entry, Named& out) const {
    for (const EntryReport& report : plan_.entries) {
      if (report.rule != rule || entry-- > 0) continue;
      out.entry = report.entry;
      out.place = report.place;
      return;
    }
  }

  // Modules that are this one in other layers or of other experts.
  std::vector<std::size_t> siblings() const {
    const auto fold = [&](const ModuleInfo& info) {
      return fold_path(info.path, info.layer, info.expert);
    };
    const std::string own = fold(inventory_.modules[unit_.module]);
    std::vector<std::size_t> out;
    for (std::size_t m = 0; m < inventory_.modules.size(); ++m) {
      const ModuleInfo& info = inventory_.modules[m];
      if (m != unit_.module && !info.same_as && fold(info) == own) {
        out.push_back(m);
      }
    }
    return out;
  }

  void add_nearest() {
    const std::vector<std::size_t> modules = siblings();
    const auto traces = trace_modules(inventory_, rules_, compiled_, modules);
    std::map<std::pair<std::size_t, std::size_t>, LayerGrid> grids;
    for (std::size_t i = 0; i < modules.size(); ++i) {
      const ModuleInfo& info = inventory_.modules[modules[i]];
      for (const HitTrace& trace : traces[i]) {
        if (trace.entry == kNoEntry || !concerns(trace)) continue;
        grids[{trace.rule, trace.entry}].add(info.layer, info.expert);
      }
    }
    for (const auto& [key, grid] : grids) {
      if (out_.nearest.size() == kMaxNearest) return;
      NearEntry near{key.first, {}, {}, "hits it"};
      fill_entry(key.first, key.second, near);
      std::string where;
      for (const LayerBlock& block : grid.blocks()) {
        where += (where.empty() ? " in " : "; ") + block_text(block);
      }
      near.reason += where;
      out_.nearest.push_back(std::move(near));
    }
    if (out_.nearest.empty()) add_alike();
  }

  // Entries without a hit whose last part is spelt much like one of the
  // module's names.
  void add_alike() {
    std::vector<std::string> names{std::string(last_component(out_.path))};
    for (const std::string& path : out_.hf_paths) {
      names.emplace_back(last_component(path));
    }
    for (const EntryReport& report : plan_.entries) {
      if (out_.nearest.size() == kMaxNearest) return;
      if (!is_unmatched(report)) continue;
      const auto kind =
          split_kind_entry(report.entry, rules_[report.rule].syntax);
      const std::string_view text = kind ? kind->pattern : report.entry;
      const auto near =
          nearest_names(std::string(last_component(text)), names, 1);
      if (near.empty()) continue;
      out_.nearest.push_back({report.rule, report.entry, report.place,
                              "is spelt like " + near.front()});
    }
  }

  const Inventory& inventory_;
  const std::vector<Rule>& rules_;
  const CompiledRules& compiled_;
  Plan plan_;
  Unit unit_;
  Explanation out_;
};

}  // namespace

Explanation explain_module(const Inventory& inventory,
                           const std::vector<Rule>& rules,
                           const CompiledRules& compiled,
                           const std::string& asked) {
  return Explainer(inventory, rules, compiled).explain(asked);
}

}  // namespace graft
