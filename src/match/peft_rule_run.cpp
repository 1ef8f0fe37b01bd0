// Runs a rule in peft syntax over one inventory, with HF PEFT's own order of
// tests. Entry point: start_peft_run.
#include <algorithm>
#include <charconv>
#include <map>
#include <unordered_set>
#include <utility>

#include "graft/base/error.h"
#include "match/hf_parameter_internal.h"
#include "match/peft_full_copy_internal.h"
#include "match/peft_rule_internal.h"

namespace graft {
namespace {

std::optional<std::int64_t> layer_of(const PeftRule& rule,
                                     std::string_view path) {
  for (const PatternRegex& pattern : rule.layers_patterns) {
    if (!pattern.matches(path)) continue;
    const std::string index = pattern.capture(path, "idx").value_or("");
    std::int64_t value = 0;
    const char* end = index.data() + index.size();
    if (std::from_chars(index.data(), end, value).ptr != end) break;
    return value;
  }
  return std::nullopt;
}

// The first key that matches; else the key that is the path itself, letter by
// letter (PEFT looks it up so when no key matches as an expression); or null.
template <typename Value>
const std::pair<std::string, Value>* find_key(const PatternKeys<Value>& keys,
                                              std::string_view path,
                                              std::vector<bool>& used) {
  std::vector<std::size_t> hits;
  keys.patterns.collect(path, hits);
  if (hits.empty()) {
    const auto same = keys.texts.find(path);
    if (same != keys.texts.end()) hits = {same->second.back()};
  }
  for (const std::size_t hit : hits) used[hit] = true;
  return hits.empty() ? nullptr
                      : &keys.rows[*std::min_element(hits.begin(), hits.end())];
}

template <typename Value>
void add_unused(const PatternKeys<Value>& keys, const std::vector<bool>& used,
                const std::string& field, std::vector<std::string>& out) {
  for (std::size_t i = 0; i < keys.rows.size(); ++i) {
    if (used[i]) continue;
    out.push_back(field + " key '" + keys.rows[i].first +
                  "' matches no adapted module and has no effect");
  }
}

using Paths = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// A path that lies inside an adapted one names a layer within a layer.
std::optional<std::string_view> adapted_parent(const Paths& adapted,
                                               std::string_view path) {
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
       dot = path.find('.', dot + 1)) {
    if (adapted.contains(path.substr(0, dot))) return path.substr(0, dot);
  }
  return std::nullopt;
}

// A matrix of one expert is a linear layer of its own to PEFT.
bool takes_adapter(const ModuleInfo& info, const HfUnit& unit) {
  return is_linear_kind(info.kind, true) ||
         (info.kind == LayerKind::kTeGrouped && unit.part != kWhole);
}

class PeftRun : public RuleRun {
 public:
  PeftRun(const PeftRule& rule, const Inventory& inventory)
      : rule_(rule),
        inventory_(inventory),
        targets_(rule.rule, &inventory,
                 [this](std::string_view path) {
                   std::vector<std::size_t> used;
                   return !excluded_by(rule_, path, used);
                 }),
        rank_used_(rule.ranks.rows.size(), false),
        alpha_used_(rule.alphas.rows.size(), false) {}

  const std::vector<std::string>& entries() const override {
    return targets_.entries();
  }

  ModuleHits hits(std::size_t module) override {
    const ModuleInfo& info = inventory_.modules[module];
    ModuleHits out;
    if (info.same_as) return out;
    std::map<std::size_t, EntryHit> by_entry;
    for (const HfUnit& unit : hf_units(inventory_, module)) {
      const auto reason = excluded_by(rule_, unit.path, excludes_used_);
      const auto entries = target_hits(rule_, targets_, info, unit.path);
      if (reason) out.exclusions.push_back({unit.part, *reason});
      excluded_any_ = excluded_any_ || reason;
      unmatched_any_ = unmatched_any_ || (!reason && entries.empty());
      if (entries.empty()) continue;
      if (!reason && !accepts(info, unit, entries.front())) continue;
      if (reason && !takes_adapter(info, unit)) continue;
      for (const std::size_t entry : entries) {
        EntryHit& hit = by_entry[entry];
        hit.entry = entry;
        if (unit.part == kWhole) {
          hit.whole = true;
        } else {
          hit.parts.push_back(unit.part);
        }
      }
    }
    for (auto& [entry, hit] : by_entry) out.hits.push_back(std::move(hit));
    return out;
  }

  AdapterSettings settings(std::size_t module, std::size_t part) override {
    for (const HfUnit& unit : hf_units(inventory_, module)) {
      if (unit.part == part) return settings_of(unit.path);
    }
    return rule_.rule.adapter;
  }

  std::vector<ParameterHit> parameter_hits() override {
    std::vector<ParameterHit> out;
    if (targets_.parameters().empty()) return out;
    EntryIndex entries;
    for (const PeftEntry& entry : targets_.parameters()) {
      auto& sources = entries[entry.text];
      sources.insert(sources.end(), entry.sources.begin(), entry.sources.end());
    }
    for (const HfParameter& parameter : hf_parameters(inventory_)) {
      const std::string path = parameter.path();
      std::vector<std::size_t> hits;
      add_dotted_endings(entries, path, hits);
      if (hits.empty()) continue;
      sort_unique(hits);
      if (const std::string fault = fault_of(parameter); !fault.empty()) {
        problems_.push_back("plan: '" + targets_.entries()[hits.front()] +
                            "' selects the parameter '" + path + "', " + fault);
        continue;
      }
      out.push_back(make_hit(parameter, std::move(hits)));
    }
    for (const ParameterHit& hit : out) {
      holders_.emplace(hit.hf_path.substr(0, hit.hf_path.rfind('.')));
    }
    targeted_any_ = targeted_any_ || !out.empty();
    return out;
  }

  std::vector<std::string> full_copies() override {
    if (!targeted_any_) return {};  // PEFT stops before it copies
    Paths adapted = adapted_;
    adapted.insert(holders_.begin(), holders_.end());
    const auto is_adapted = [&](std::string_view path) {
      return adapted.contains(path);
    };
    return peft_full_copies(rule_.rule.peft.modules_to_save, inventory_,
                            {is_adapted, !adapted.empty()}, problems_);
  }

  std::optional<EmptyRule> empty_rule() const override {
    if (targeted_any_ || !problems_.empty()) return std::nullopt;
    using Cause = EmptyRule::Cause;
    if (excluded_any_ && !unmatched_any_) {
      return EmptyRule{0, Cause::kAllExcluded,
                       "exclude_modules and modules_to_save leave no module of "
                       "the model."};
    }
    if (!excluded_any_ && unmatched_any_) {
      if (targets_.has_no_modules()) {
        return EmptyRule{0, Cause::kNoTargets,
                         "target_modules is empty, and target_parameters "
                         "selects no parameter."};
      }
      return EmptyRule{0, Cause::kNotFound, layers_note()};
    }
    return EmptyRule{0, Cause::kMixed,
                     "No module is left: some are excluded, the others are "
                     "not targeted." +
                         layers_note()};
  }

  std::vector<std::string> problems() const override { return problems_; }

  std::vector<std::string> warnings() const override {
    std::vector<std::string> out;
    const std::vector<std::string>& excludes = rule_.rule.excludes;
    for (std::size_t i = 0; i < excludes.size(); ++i) {
      const bool used = std::find(excludes_used_.begin(), excludes_used_.end(),
                                  i) != excludes_used_.end();
      if (!used)
        out.push_back(exclude_reason(excludes[i]) + " excludes nothing");
    }
    add_unused(rule_.ranks, rank_used_, "rank_pattern", out);
    add_unused(rule_.alphas, alpha_used_, "alpha_pattern", out);
    return out;
  }

 private:
  // Notes an adapted layer, or a problem.
  bool accepts(const ModuleInfo& info, const HfUnit& unit, std::size_t entry) {
    const std::string_view path = unit.path;
    const std::string start =
        "plan: '" + targets_.entries()[entry] + "' selects '";
    if (!takes_adapter(info, unit)) {
      problems_.push_back(start + std::string(path) + "' of kind " +
                          std::string(layer_kind_name(info.kind)) +
                          ", which takes no adapter");
      return false;
    }
    if (const auto parent = adapted_parent(adapted_, path)) {
      problems_.push_back(start + std::string(path) + "' inside '" +
                          std::string(*parent) + "', which is adapted itself");
      return false;
    }
    adapted_.emplace(path);
    targeted_any_ = true;
    last_transposed_ = info.transposed;
    return true;
  }

  // Why the parameter takes no adapter; empty when it does.
  std::string fault_of(const HfParameter& parameter) const {
    const AdapterSettings& adapter = rule_.rule.adapter;
    if (parameter.module == kNoModule) {
      return "which belongs to no module: it takes no adapter";
    }
    if (adapted_.contains(parameter.module_path)) {
      return "whose layer target_modules adapts already";
    }
    if (adapter.kind == AdapterKind::kDora) return "which takes no DoRA";
    if (adapter.dropout > 0.0) return "which takes no dropout";
    // PEFT keeps one flag for all layers; the last one that it adapted set it.
    if (last_transposed_) {
      return "which cannot be adapted beside transposed layers";
    }
    const std::size_t axes = parameter.shape.size();
    if (axes != 2 && axes != 3) {
      return "of " + std::to_string(axes) +
             " axes: it takes no adapter, only "
             "parameters of 2 or 3 axes do";
    }
    return {};
  }

  ParameterHit make_hit(const HfParameter& parameter,
                        std::vector<std::size_t> entries) {
    const std::vector<std::int64_t>& shape = parameter.shape;
    const bool packed = shape.size() == 3;
    std::int64_t in = shape.back();
    std::int64_t out = shape[shape.size() - 2];
    if (parameter.transposed) std::swap(in, out);
    ParameterHit hit;
    hit.entries = std::move(entries);
    hit.module = parameter.module;
    hit.hf_path = parameter.path();
    hit.component = parameter.component;
    hit.parameter = parameter.name;
    hit.experts = packed ? shape[0] : 1;
    hit.in = in;
    hit.rows = {parameter.first_row, parameter.first_row + out};
    hit.adapter = settings_of(hit.hf_path);
    if (hit.adapter.rank < 1) {
      problems_.push_back(ErrorText{.operation = "plan",
                                    .what = "rank of '" + hit.hf_path + "'",
                                    .got = std::to_string(hit.adapter.rank),
                                    .expected = "a positive number"}
                              .str());
    }
    return hit;
  }

  AdapterSettings settings_of(std::string_view path) {
    AdapterSettings out = rule_.rule.adapter;
    const auto* rank = find_key(rule_.ranks, path, rank_used_);
    const auto* alpha = find_key(rule_.alphas, path, alpha_used_);
    for (const std::string& name : targets_.fused()) {
      if (!path.ends_with("." + name)) continue;
      // PEFT writes this key itself, over one that a person wrote.
      const std::string key = ".*\\." + name;
      if (!rank || rank->first == key) out.rank *= 2, rank = nullptr;
      if (!alpha || alpha->first == key) out.alpha *= 2.0, alpha = nullptr;
    }
    if (rank) out.rank = rank->second;
    if (alpha) out.alpha = alpha->second;
    return out;
  }

  // " layers_to_transform and layers_pattern are set." or nothing.
  std::string layers_note() const {
    const PeftFields& fields = rule_.rule.peft;
    if (!fields.layers_to_transform) return {};
    return fields.layers_pattern.empty()
               ? " Mind that layers_to_transform is set."
               : " Mind that layers_to_transform and layers_pattern are set.";
  }

  const PeftRule& rule_;
  const Inventory& inventory_;
  PeftTargets targets_;
  std::vector<std::size_t> excludes_used_;
  std::vector<bool> rank_used_;
  std::vector<bool> alpha_used_;
  Paths adapted_;  // HF paths of adapted layers
  Paths holders_;  // of modules with an adapted parameter
  bool excluded_any_ = false;
  bool unmatched_any_ = false;
  bool targeted_any_ = false;
  bool last_transposed_ = false;
  std::vector<std::string> problems_;
};
}  // namespace

// What takes a path out before targets are looked at, or nullopt.
std::optional<std::string> excluded_by(const PeftRule& rule,
                                       std::string_view path,
                                       std::vector<std::size_t>& used) {
  const Excludes& excludes = rule.excludes;
  std::vector<std::size_t> hits;
  if (excludes.regex) excludes.regex->collect(path, hits);
  add_dotted_endings(excludes.endings, path, hits);
  if (!hits.empty()) {
    used.insert(used.end(), hits.begin(), hits.end());
    return exclude_reason(rule.rule.excludes[hits.front()]);
  }
  for (const auto& [entry, regex] : excludes.modules_to_save) {
    if (regex.matches(path)) return "modules_to_save entry '" + entry + "'";
  }
  return std::nullopt;
}

std::vector<std::size_t> target_hits(const PeftRule& rule,
                                     const PeftTargets& targets,
                                     const ModuleInfo& info,
                                     std::string_view path) {
  std::vector<std::size_t> hits = targets.hits(info, path);
  const auto& layers = rule.rule.peft.layers_to_transform;
  const bool filtered = layers && !layers->empty();
  if (hits.empty() || !filtered || targets.is_exact(path)) return hits;
  const std::optional<std::int64_t> layer = layer_of(rule, path);
  const bool wanted = layer && std::find(layers->begin(), layers->end(),
                                         *layer) != layers->end();
  return wanted ? hits : std::vector<std::size_t>{};
}

std::unique_ptr<RuleRun> start_peft_run(const PeftRule& rule,
                                        const Inventory& inventory) {
  return std::make_unique<PeftRun>(rule, inventory);
}

}  // namespace graft
