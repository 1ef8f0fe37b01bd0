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
#include "match/peft_sizes_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

std::optional<std::int64_t> layer_of(const PeftRule& rule,
                                     std::string_view path) {
  for (const PatternRegex& pattern : rule.layers_patterns) {
    if (!pattern.matches(path)) continue;
    // The pattern decides, also without a number: "layers|h" ends before it.
    const std::string index = pattern.capture(path, "idx").value_or("");
    std::int64_t value = 0;
    const char* end = index.data() + index.size();
    const auto read = std::from_chars(index.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end) break;
    return value;
  }
  return std::nullopt;
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

// Where experts are layers, a matrix of one is a linear layer of its own, and
// so is the router.
bool takes_adapter(const PeftRule& rule, const ModuleInfo& info,
                   const HfUnit& unit) {
  if (is_linear_kind(info.kind, true)) return true;
  if (!rule.rule.peft.experts_as_layers) return false;
  return info.kind == LayerKind::kTeGrouped ? unit.part != kWhole
                                            : info.kind == LayerKind::kRouter;
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
        sizes_(rule, targets_.fused()) {
    if (!targets_.parameters().empty()) collect_parameters();
  }

  const std::vector<std::string>& entries() const override {
    return targets_.entries();
  }

  ModuleHits hits(std::size_t module) override {
    const ModuleInfo& info = inventory_.modules[module];
    ModuleHits out;
    if (info.same_as) return out;
    std::map<std::size_t, EntryHit> by_entry;
    for (const HfUnit& unit : units_of(module)) {
      const auto reason = excluded_by(rule_, unit.path, excludes_used_);
      const auto entries = target_hits(rule_, targets_, info, unit.path);
      if (reason && !is_table_parameter(module)) {
        out.exclusions.push_back({unit.part, *reason});
      }
      excluded_any_ = excluded_any_ || reason;
      unmatched_any_ = unmatched_any_ || (!reason && entries.empty());
      if (entries.empty()) continue;
      if (!reason && !accepts(info, unit, entries.front())) continue;
      if (reason && !takes_adapter(rule_, info, unit)) continue;
      for (const std::size_t entry : entries) {
        add_part(entry, unit.part, by_entry);
      }
    }
    add_table_parameters(module, by_entry);
    for (auto& [entry, hit] : by_entry) out.hits.push_back(std::move(hit));
    return out;
  }

  AdapterSettings settings(std::size_t module, std::size_t part) override {
    const auto parameter = table_hits_.find({module, part});
    if (parameter != table_hits_.end()) return sizes_.of(parameter->second);
    for (const HfUnit& unit : units_of(module)) {
      if (unit.part == part) return sizes_.of(unit.path);
    }
    return rule_.rule.adapter;
  }

  std::vector<ParameterHit> parameter_hits() override {
    std::vector<ParameterHit> out;
    for (const HfParameter& parameter : parameters_) {
      if (is_table_parameter(parameter.module)) continue;
      std::vector<std::size_t> hits = entries_on(parameter);
      if (!hits.empty()) out.push_back(make_hit(parameter, std::move(hits)));
    }
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
    sizes_.add_unused(out);
    if (beyond_string_ > 0) {
      out.push_back("'" + entries().front() + "' hits " +
                    with_separators(beyond_string_) +
                    (beyond_string_ == 1 ? " module" : " modules") +
                    " that it does not match: where experts are "
                    "packed, PEFT replaces an expression by the last names of "
                    "what it matches");
    }
    return out;
  }

 private:
  using Hits = std::map<std::size_t, EntryHit>;

  std::vector<HfUnit> units_of(std::size_t module) const {
    return hf_units(inventory_, module, rule_.rule.peft.experts_as_layers);
  }

  // Experts and routers of a table: hits() tells what is on them, and
  // exclude_modules has no say.
  bool is_table_parameter(std::size_t module) const {
    return module != kNoModule && !rule_.rule.peft.experts_as_layers &&
           !inventory_.modules[module].hf_parameter.empty();
  }

  static void add_part(std::size_t entry, std::size_t part, Hits& hits) {
    EntryHit& hit = hits[entry];
    hit.entry = entry;
    if (part == kWhole) {
      hit.whole = true;
    } else {
      hit.parts.push_back(part);
    }
  }

  void collect_parameters() {
    for (const PeftEntry& entry : targets_.parameters()) {
      auto& sources = parameter_entries_[entry.text];
      sources.insert(sources.end(), entry.sources.begin(), entry.sources.end());
    }
    parameters_ = hf_parameters(inventory_);
    std::stable_sort(parameters_.begin(), parameters_.end(),
                     [](const HfParameter& a, const HfParameter& b) {
                       return a.module < b.module;
                     });
  }

  // The entries that select the parameter; none, and a problem, when it can
  // take no adapter.
  std::vector<std::size_t> entries_on(const HfParameter& parameter) {
    const std::string path = parameter.path();
    std::vector<std::size_t> hits;
    add_dotted_endings(parameter_entries_, path, hits);
    if (hits.empty()) return hits;
    sort_unique(hits);
    if (const std::string fault = fault_of(parameter); !fault.empty()) {
      problems_.push_back("plan: '" + targets_.entries()[hits.front()] +
                          "' selects the parameter '" + path + "', " + fault);
      return {};
    }
    holders_.emplace(parameter.module_path);
    if (targets_.is_beyond_string(parameter)) ++beyond_string_;
    targeted_any_ = true;
    return hits;
  }

  // Where the table knows the layer, the adapter is on the layer.
  void add_table_parameters(std::size_t module, Hits& hits) {
    if (!is_table_parameter(module)) return;
    auto at = std::lower_bound(
        parameters_.begin(), parameters_.end(), module,
        [](const HfParameter& a, std::size_t b) { return a.module < b; });
    for (; at != parameters_.end() && at->module == module; ++at) {
      for (const std::size_t entry : entries_on(*at)) {
        add_part(entry, at->part, hits);
        table_hits_.emplace(std::pair(module, at->part), at->path());
      }
    }
  }

  // Notes an adapted layer, or a problem.
  bool accepts(const ModuleInfo& info, const HfUnit& unit, std::size_t entry) {
    const std::string_view path = unit.path;
    const std::string start =
        "plan: '" + targets_.entries()[entry] + "' selects '";
    if (!takes_adapter(rule_, info, unit)) {
      std::string text = start + std::string(path) + "' of kind " +
                         std::string(layer_kind_name(info.kind)) +
                         ", which takes no adapter";
      // The two weights of packed experts share one path.
      const bool is_new = problems_.empty() || problems_.back() != text;
      if (is_new) problems_.push_back(std::move(text));
      return false;
    }
    if (const auto parent = adapted_parent(adapted_, path)) {
      problems_.push_back(start + std::string(path) + "' inside '" +
                          std::string(*parent) + "', which is adapted itself");
      return false;
    }
    adapted_.emplace(path);
    if (targets_.is_beyond_string(path)) ++beyond_string_;
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
    hit.rows = {parameter.first_row, parameter.first_row + out * hit.experts};
    hit.transposed = parameter.transposed;
    hit.adapter = sizes_.of(hit.hf_path);
    if (hit.adapter.rank < 1) {
      problems_.push_back(ErrorText{.operation = "plan",
                                    .what = "rank of '" + hit.hf_path + "'",
                                    .got = std::to_string(hit.adapter.rank),
                                    .expected = "a positive number"}
                              .str());
    }
    return hit;
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
  PeftSizes sizes_;
  std::vector<std::size_t> excludes_used_;
  // Of target_parameters; by module.
  EntryIndex parameter_entries_;
  std::vector<HfParameter> parameters_;
  // (module, part) of a table -> the parameter that was hit.
  std::map<std::pair<std::size_t, std::size_t>, std::string> table_hits_;
  Paths adapted_;  // HF paths of adapted layers
  Paths holders_;  // of modules with an adapted parameter
  bool excluded_any_ = false;
  bool unmatched_any_ = false;
  bool targeted_any_ = false;
  bool last_transposed_ = false;
  std::size_t beyond_string_ = 0;  // hit by last names alone
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
