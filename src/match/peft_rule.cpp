// Rules in peft syntax: HF PEFT's own order of tests on HF names. Entry point:
// compile_peft_rule.
#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "graft/base/error.h"
#include "match/peft_targets_internal.h"
#include "match/rule_run_internal.h"

namespace graft {
namespace {

using Extent = PatternRegex::Extent;

// The first number after at least two parts of the name.
constexpr const char* kAnyLayerPattern = R"(.*?\.[^.]*\.(?P<idx>\d+)\.)";

template <typename Value>
struct KeyedRegex {
  std::string key;
  PatternRegex regex;
  Value value;
};

struct Excludes {
  std::optional<PatternRegex> regex;
  EntryIndex endings;
  std::vector<std::pair<std::string, PatternRegex>> modules_to_save;
};

struct PeftRule {
  Rule rule;
  Excludes excludes;
  std::vector<PatternRegex> layers_patterns;  // tried in order; empty: unused
  std::vector<KeyedRegex<std::int64_t>> ranks;
  std::vector<KeyedRegex<double>> alphas;
};

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

// What takes a path out before targets are looked at, or nullopt.
std::optional<std::string> excluded_by(const PeftRule& rule,
                                       std::string_view path,
                                       std::vector<std::size_t>& used) {
  const Excludes& excludes = rule.excludes;
  std::vector<std::size_t> hits;
  if (excludes.regex && excludes.regex->matches(path)) hits.push_back(0);
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

// The first key that matches; else the key that is the path itself, letter by
// letter (PEFT looks it up so when no key matches as an expression).
template <typename Value>
Value keyed_value(const std::vector<KeyedRegex<Value>>& keys,
                  std::string_view path, Value fallback,
                  std::vector<bool>& used) {
  const KeyedRegex<Value>* first = nullptr;
  const KeyedRegex<Value>* same = nullptr;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool matches = keys[i].regex.matches(path);
    if (matches && !first) first = &keys[i];
    if (keys[i].key == path) same = &keys[i];
    if (matches) used[i] = true;
  }
  if (!first && same) used[static_cast<std::size_t>(same - keys.data())] = true;
  if (!first) first = same;
  return first ? first->value : fallback;
}

template <typename Value>
void add_unused(const std::vector<KeyedRegex<Value>>& keys,
                const std::vector<bool>& used, const std::string& field,
                std::vector<std::string>& out) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (used[i]) continue;
    out.push_back(field + " key '" + keys[i].key +
                  "' matches no adapted module and has no effect");
  }
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
        targets_(rule.rule, &inventory),
        rank_used_(rule.ranks.size(), false),
        alpha_used_(rule.alphas.size(), false) {}

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
      if (entries.empty()) continue;
      if (!takes_adapter(info, unit)) {
        if (!reason) add_unsupported(info, unit, entries.front());
        continue;
      }
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
    AdapterSettings out = rule_.rule.adapter;
    for (const HfUnit& unit : hf_units(inventory_, module)) {
      if (unit.part != part) continue;
      out.rank = keyed_value(rule_.ranks, unit.path, out.rank, rank_used_);
      out.alpha = keyed_value(rule_.alphas, unit.path, out.alpha, alpha_used_);
    }
    return out;
  }

  std::vector<std::string> problems() const override { return unsupported_; }

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
  void add_unsupported(const ModuleInfo& info, const HfUnit& unit,
                       std::size_t entry) {
    unsupported_.push_back(
        "plan: '" + targets_.entries()[entry] + "' selects '" +
        std::string(unit.path) + "' of kind " +
        std::string(layer_kind_name(info.kind)) + ", which takes no adapter");
  }

  const PeftRule& rule_;
  const Inventory& inventory_;
  PeftTargets targets_;
  std::vector<std::size_t> excludes_used_;
  std::vector<bool> rank_used_;
  std::vector<bool> alpha_used_;
  std::vector<std::string> unsupported_;
};

class CompiledPeftRule : public CompiledRule {
 public:
  explicit CompiledPeftRule(PeftRule rule) : rule_(std::move(rule)) {
    if (!rule_.rule.targets.empty()) by_name_.emplace(rule_.rule, nullptr);
  }

  std::unique_ptr<RuleRun> start(const Inventory& inventory) const override {
    return std::make_unique<PeftRun>(rule_, inventory);
  }

  std::optional<std::size_t> match_one(
      std::string_view, std::string_view full_name) const override {
    std::vector<std::size_t> used;
    if (excluded_by(rule_, full_name, used)) return std::nullopt;
    ModuleInfo info;
    info.path = full_name;
    info.kind = LayerKind::kLinear;  // kinds are unknown here
    if (!by_name_) return std::nullopt;
    const auto hits = target_hits(rule_, *by_name_, info, full_name);
    if (hits.empty()) return std::nullopt;
    return hits.front();
  }

 private:
  PeftRule rule_;
  std::optional<PeftTargets> by_name_;
};

// Compiles, or appends the problem and gives nothing. An entry stands for the
// whole path, what is made from one for its start.
std::optional<PatternRegex> try_compile(const std::string& pattern,
                                        const std::string& entry,
                                        std::vector<std::string>& problems) {
  const Extent extent = pattern == entry ? Extent::kWhole : Extent::kStart;
  try {
    return PatternRegex(pattern, extent, entry);
  } catch (const ConfigError& error) {
    problems.emplace_back(error.what());
    return std::nullopt;
  }
}

void check_fields(const Rule& rule, std::vector<std::string>& problems) {
  const PeftFields& fields = rule.peft;
  const bool all_linear =
      std::any_of(rule.targets.begin(), rule.targets.end(), is_all_linear);
  const bool one_string = fields.targets_regex || all_linear;
  const auto add = [&problems](const char* what) {
    problems.push_back(std::string("match: ") + what);
  };
  if (fields.targets_regex && rule.targets.size() != 1) {
    add("target_modules is one regular expression, or a list");
  }
  if (fields.excludes_regex && rule.excludes.size() != 1) {
    add("exclude_modules is one regular expression, or a list");
  }
  if (one_string && fields.layers_to_transform) {
    add("layers_to_transform cannot be used when target_modules is a string");
  }
  if (one_string && !fields.layers_pattern.empty()) {
    add("layers_pattern cannot be used when target_modules is a string");
  }
  if (!fields.layers_pattern.empty() && !fields.layers_to_transform) {
    add("layers_pattern needs layers_to_transform");
  }
}

Excludes compile_excludes(const Rule& rule,
                          std::vector<std::string>& problems) {
  Excludes out;
  if (rule.peft.excludes_regex && rule.excludes.size() == 1) {
    out.regex =
        try_compile(rule.excludes.front(), rule.excludes.front(), problems);
  } else {
    for (std::size_t i = 0; i < rule.excludes.size(); ++i) {
      out.endings[rule.excludes[i]].push_back(i);
    }
  }
  for (const std::string& entry : rule.peft.modules_to_save) {
    auto regex =
        try_compile("(^|.*\\.)" + entry + "($|\\..*)", entry, problems);
    if (regex) out.modules_to_save.emplace_back(entry, std::move(*regex));
  }
  return out;
}

std::vector<PatternRegex> compile_layers(const PeftFields& fields,
                                         std::vector<std::string>& problems) {
  std::vector<PatternRegex> out;
  if (!fields.layers_to_transform) return out;
  const auto add = [&](const std::string& pattern, const std::string& entry) {
    auto regex = try_compile(pattern, entry, problems);
    if (regex) out.push_back(std::move(*regex));
  };
  for (const std::string& entry : fields.layers_pattern) {
    add("(?:^|.*?\\.)" + entry + "\\.(?P<idx>\\d+)\\.", entry);
  }
  if (fields.layers_pattern.empty()) add(kAnyLayerPattern, "");
  return out;
}

template <typename Value>
std::vector<KeyedRegex<Value>> compile_keys(
    const std::vector<std::pair<std::string, Value>>& keys,
    std::vector<std::string>& problems) {
  std::vector<KeyedRegex<Value>> out;
  for (const auto& [key, value] : keys) {
    auto regex = try_compile("(.*\\.)?(" + key + ")$", key, problems);
    if (regex) out.push_back({key, std::move(*regex), value});
  }
  return out;
}

}  // namespace

std::unique_ptr<CompiledRule> compile_peft_rule(
    const Rule& rule, std::vector<std::string>& problems) {
  check_fields(rule, problems);
  PeftRule out{rule, {}, {}, {}, {}};
  if (rule.peft.targets_regex && !rule.targets.empty() &&
      !is_all_linear(rule.targets.front())) {
    try_compile(rule.targets.front(), rule.targets.front(), problems);
  }
  out.excludes = compile_excludes(rule, problems);
  out.layers_patterns = compile_layers(rule.peft, problems);
  out.ranks = compile_keys(rule.peft.rank_pattern, problems);
  out.alphas = compile_keys(rule.peft.alpha_pattern, problems);
  if (!problems.empty()) return nullptr;
  return std::make_unique<CompiledPeftRule>(std::move(out));
}

}  // namespace graft
