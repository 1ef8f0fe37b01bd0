// Rules in glob and megatron syntax: names of both worlds, whole layers before
// their parts. Entry point: compile_runtime_rule. What experts and routers are
// hit by: docs/design/17-experts.md.
#include <algorithm>
#include <array>
#include <utility>

#include "match/component_path_internal.h"
#include "match/entry_set_internal.h"
#include "match/kind_term_internal.h"
#include "match/rule_run_internal.h"

namespace graft {
namespace {

// The names that one module and its parts answer to.
struct ModuleNames {
  std::vector<std::string_view> whole;
  // The whole weight of experts or a router as Hugging Face's class has it.
  std::string_view parameter;
  bool parts_are_called_so = false;  // "down_proj", of all and of one expert
  std::vector<std::vector<std::string>> parts;  // one list per part
};

// A router answers to its module where the parameter is that module's weight.
std::string_view parameter_name(const ModuleInfo& info) {
  std::string_view name = info.hf_parameter;
  constexpr std::string_view kWeight = ".weight";
  if (name.ends_with(kWeight)) name.remove_suffix(kWeight.size());
  return name;
}

ModuleNames names_of(const ModuleInfo& info) {
  ModuleNames names;
  names.whole.push_back(info.path);
  names.parts.resize(info.parts.size());
  for (std::size_t i = 0; i < info.parts.size(); ++i) {
    const ModulePart& part = info.parts[i];
    if (part.component.empty()) {
      names.whole.push_back(part.path);
      continue;
    }
    names.parts[i] = {part.path, component_path(info.path, part.component)};
    if (info.kind != LayerKind::kTeGrouped) continue;
    // "linear_fc1_gate.3" is a linear_fc1_gate too.
    const std::string& numbered = names.parts[i].back();
    std::string of_all = numbered.substr(0, numbered.rfind('.'));
    if (of_all != info.path) names.parts[i].push_back(std::move(of_all));
  }
  names.parameter = parameter_name(info);
  if (names.parameter.empty()) return names;
  const auto last = last_component(names.parameter);
  names.parts_are_called_so =
      !names.parts.empty() && !names.parts.front().empty() &&
      last_component(names.parts.front().front()) == last;
  return names;
}

// Whether the entry's last part is the module's own name, spelt out.
bool spells_out(std::string_view entry, const ModuleNames& names) {
  const auto is_it = [&](std::string_view name) {
    return last_component(name) == last_component(entry);
  };
  return is_it(names.parameter) ||
         std::any_of(names.whole.begin(), names.whole.end(), is_it);
}

template <typename Names>
std::vector<std::size_t> hits_of(const EntrySet& set, const Names& names) {
  std::vector<std::size_t> hits;
  for (const auto& name : names) {
    set.collect(last_component(name), name, hits);
  }
  sort_unique(hits);
  return hits;
}

struct RuntimeRule {
  EntrySet targets;
  EntrySet excludes;
  KindTerms target_kinds;
  KindTerms exclude_kinds;
  Rule rule;
};

class RuntimeRun : public RuleRun {
 public:
  RuntimeRun(const RuntimeRule& rule, const Inventory& inventory)
      : rule_(rule),
        inventory_(inventory),
        exclude_used_(rule.rule.excludes.size(), false) {
    for (std::size_t i = 0; i < inventory.modules.size(); ++i) {
      const auto& same_as = inventory.modules[i].same_as;
      if (same_as) aliases_.emplace_back(*same_as, i);
    }
    std::sort(aliases_.begin(), aliases_.end());
  }

  const std::vector<std::string>& entries() const override {
    return rule_.rule.targets;
  }

  ModuleHits hits(std::size_t module) override {
    const ModuleInfo& info = inventory_.modules[module];
    ModuleHits out;
    const bool by_exclusion = rule_.rule.targets.empty();
    const bool possible = by_exclusion ? is_linear_kind(info.kind, true)
                                       : takes_adapter(info.kind);
    if (info.same_as || !possible) return out;
    ModuleNames names = names_of(info);
    add_aliases(module, names);
    add_target_hits(info, names, out);
    if (!rule_.excludes.empty()) add_exclusions(info, names, out);
    return out;
  }

  AdapterSettings settings(std::size_t, std::size_t) override {
    return rule_.rule.adapter;
  }

  std::vector<std::string> warnings() const override {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < exclude_used_.size(); ++i) {
      if (exclude_used_[i]) continue;
      out.push_back(exclude_reason(rule_.rule.excludes[i]) +
                    " excludes nothing");
    }
    return out;
  }

 private:
  void add_aliases(std::size_t module, ModuleNames& names) const {
    auto at = std::lower_bound(aliases_.begin(), aliases_.end(),
                               std::pair<std::size_t, std::size_t>(module, 0));
    for (; at != aliases_.end() && at->first == module; ++at) {
      names.whole.push_back(inventory_.modules[at->second].path);
    }
  }

  void add_target_hits(const ModuleInfo& info, const ModuleNames& names,
                       ModuleHits& out) const {
    if (rule_.rule.targets.empty()) {
      out.hits.push_back({kNoEntry, true, {}});
      return;
    }
    std::vector<std::size_t> whole = whole_hits(names);
    const auto& all_linear = rule_.targets.all_linear();
    const KindTerms& terms = rule_.target_kinds;
    const KindSet kinds = terms.empty() ? 0 : kinds_of(info);
    if (info.output_head) {
      out.head_skipped = !all_linear.empty() || terms.ask_linear(whole);
    }
    terms.keep_kind(kinds, whole);
    if (info.kind == LayerKind::kRouter) {
      keep_router_hits(names, whole);
    } else if (!info.output_head) {
      whole.insert(whole.end(), all_linear.begin(), all_linear.end());
      sort_unique(whole);
    }
    for (const std::size_t entry : whole) out.hits.push_back({entry, true, {}});
    for (std::size_t part = 0; part < names.parts.size(); ++part) {
      std::vector<std::size_t> hits = hits_of(rule_.targets, names.parts[part]);
      terms.keep_kind(kinds, hits);
      for (const std::size_t entry : hits) add_part_hit(entry, part, out.hits);
    }
    std::sort(
        out.hits.begin(), out.hits.end(),
        [](const EntryHit& a, const EntryHit& b) { return a.entry < b.entry; });
  }

  // A name that each expert's matrix has means these, not the whole.
  std::vector<std::size_t> whole_hits(const ModuleNames& names) const {
    std::vector<std::size_t> hits = hits_of(rule_.targets, names.whole);
    if (names.parameter.empty()) return hits;
    const std::string_view last = last_component(names.parameter);
    for (const std::size_t entry :
         hits_of(rule_.targets, std::array{names.parameter})) {
      const std::string& text = rule_.target_kinds.patterns()[entry];
      const bool of_parts =
          names.parts_are_called_so && last_component(text) == last;
      if (!of_parts) hits.push_back(entry);
    }
    sort_unique(hits);
    return hits;
  }

  // A router is adapted when an entry means it: by name or by kind. A pattern
  // of everything below a layer does not; in the reference's language it does,
  // and what holds modules back may take too much.
  void keep_router_hits(const ModuleNames& names,
                        std::vector<std::size_t>& hits) const {
    if (!rule_.rule.adapt || rule_.rule.syntax == PatternSyntax::kMegatron) {
      return;
    }
    std::erase_if(hits, [&](std::size_t entry) {
      return !rule_.target_kinds.asks_for_kind(entry) &&
             !spells_out(rule_.target_kinds.patterns()[entry], names);
    });
  }

  // A pattern that hits the whole and its parts means the whole.
  static void add_part_hit(std::size_t entry, std::size_t part,
                           std::vector<EntryHit>& hits) {
    for (EntryHit& hit : hits) {
      if (hit.entry != entry) continue;
      if (!hit.whole) hit.parts.push_back(part);
      return;
    }
    hits.push_back({entry, false, {part}});
  }

  void add_exclusions(const ModuleInfo& info, const ModuleNames& names,
                      ModuleHits& out) {
    const KindSet kinds = rule_.exclude_kinds.empty() ? 0 : kinds_of(info);
    std::vector<std::size_t> whole = hits_of(rule_.excludes, names.whole);
    if (!names.parameter.empty()) {
      rule_.excludes.collect(last_component(names.parameter), names.parameter,
                             whole);
      sort_unique(whole);
    }
    add_exclusion(kWhole, kinds, std::move(whole), out);
    for (std::size_t part = 0; part < names.parts.size(); ++part) {
      add_exclusion(part, kinds, hits_of(rule_.excludes, names.parts[part]),
                    out);
    }
  }

  void add_exclusion(std::size_t part, KindSet kinds,
                     std::vector<std::size_t> hits, ModuleHits& out) {
    rule_.exclude_kinds.keep_kind(kinds, hits);
    if (hits.empty()) return;
    for (const std::size_t entry : hits) exclude_used_[entry] = true;
    out.exclusions.push_back(
        {part, exclude_reason(rule_.rule.excludes[hits.front()])});
  }

  const RuntimeRule& rule_;
  const Inventory& inventory_;
  std::vector<bool> exclude_used_;
  // (module, later module that is the same object), sorted.
  std::vector<std::pair<std::size_t, std::size_t>> aliases_;
};

class CompiledRuntimeRule : public CompiledRule {
 public:
  explicit CompiledRuntimeRule(RuntimeRule rule) : rule_(std::move(rule)) {}

  std::unique_ptr<RuleRun> start(const Inventory& inventory) const override {
    return std::make_unique<RuntimeRun>(rule_, inventory);
  }

  std::optional<std::size_t> match_one(
      std::string_view name, std::string_view full_name) const override {
    if (!rule_.target_kinds.empty() || !rule_.exclude_kinds.empty()) {
      return match_kinds(name, full_name);
    }
    const bool excluded =
        !rule_.excludes.empty() &&
        rule_.excludes.first_hit(name, full_name) != EntrySet::kNoHit;
    if (excluded) return std::nullopt;
    if (rule_.rule.targets.empty()) return 0;
    std::size_t first = rule_.targets.first_hit(name, full_name);
    const auto& all_linear = rule_.targets.all_linear();
    if (!all_linear.empty()) first = std::min(first, all_linear.front());
    if (first == EntrySet::kNoHit) return std::nullopt;
    return first;
  }

 private:
  // match_one where some entry asks for a kind, which the name has to tell.
  std::optional<std::size_t> match_kinds(std::string_view name,
                                         std::string_view full_name) const {
    const KindSet kinds = kinds_of_name(full_name);
    std::vector<std::size_t> hits;
    rule_.excludes.collect(name, full_name, hits);
    rule_.exclude_kinds.keep_kind(kinds, hits);
    if (!hits.empty()) return std::nullopt;
    if (rule_.rule.targets.empty()) return 0;
    hits = rule_.targets.all_linear();
    rule_.targets.collect(name, full_name, hits);
    rule_.target_kinds.keep_kind(kinds, hits);
    if (hits.empty()) return std::nullopt;
    return *std::min_element(hits.begin(), hits.end());
  }

  RuntimeRule rule_;
};

// The reference's text for a fused name under canonical adapters.
void check_canonical_entry(const std::string& entry,
                           std::vector<std::string>& problems) {
  const auto refuse = [&problems](const std::string& name,
                                  const std::string& parts) {
    problems.push_back("Canonical LoRA does not support target '" + name +
                       "'. Either use '" + name + "' with LoRA() or use [" +
                       parts + "] with Canonical LoRA");
  };
  if (entry.ends_with("linear_qkv")) {
    refuse("linear_qkv", "'linear_q', 'linear_k', 'linear_v'");
  } else if (entry.ends_with("linear_fc1")) {
    refuse("linear_fc1", "'linear_fc1_up', 'linear_fc1_gate'");
  }
}

bool has_peft_fields(const PeftFields& fields) {
  return fields.targets_regex || fields.excludes_regex ||
         fields.layers_to_transform || !fields.layers_pattern.empty() ||
         !fields.rank_pattern.empty() || !fields.alpha_pattern.empty() ||
         !fields.modules_to_save.empty();
}

}  // namespace

std::string exclude_reason(const std::string& entry) {
  return "exclude entry '" + entry + "'";
}

std::unique_ptr<CompiledRule> compile_runtime_rule(
    const Rule& rule, std::vector<std::string>& problems) {
  if (rule.adapter.kind == AdapterKind::kCanonicalLora) {
    for (const std::string& entry : rule.targets) {
      check_canonical_entry(entry, problems);
    }
  }
  if (rule.adapter.rank < 1) {
    problems.push_back("match: rank: got " + std::to_string(rule.adapter.rank) +
                       ", expected a positive number");
  }
  if (has_peft_fields(rule.peft)) {
    problems.push_back(
        "match: layers_to_transform, layers_pattern, rank_pattern, "
        "alpha_pattern and modules_to_save need syntax peft: got " +
        std::string(pattern_syntax_name(rule.syntax)));
  }
  KindTerms target_kinds(rule.targets, rule.syntax, problems);
  KindTerms exclude_kinds(rule.excludes, rule.syntax, problems);
  EntrySet targets(target_kinds.patterns(), rule.syntax, problems);
  EntrySet excludes(exclude_kinds.patterns(), rule.syntax, problems);
  if (!excludes.all_linear().empty()) {
    problems.push_back("match: exclude entry 'all-linear' leaves nothing");
  }
  return std::make_unique<CompiledRuntimeRule>(
      RuntimeRule{std::move(targets), std::move(excludes),
                  std::move(target_kinds), std::move(exclude_kinds), rule});
}

}  // namespace graft
