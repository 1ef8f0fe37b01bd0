// Rules in peft syntax: HF PEFT's own order of tests on HF names. Entry point:
// compile_peft_rule.
#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "match/peft_rule_internal.h"

namespace graft {
namespace {

// The first number after at least two parts of the name.
constexpr const char* kAnyLayerPattern = R"(.*?\.[^.]*\.(?P<idx>\d+)\.)";

class CompiledPeftRule : public CompiledRule {
 public:
  explicit CompiledPeftRule(PeftRule rule) : rule_(std::move(rule)) {
    if (!rule_.rule.targets.empty()) {
      by_name_.emplace(rule_.rule, nullptr, PathPredicate());
    }
  }

  std::unique_ptr<RuleRun> start(const Inventory& inventory) const override {
    return start_peft_run(rule_, inventory);
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

// Compiles what is made from an entry, for the start of a path, or appends the
// problem and gives nothing.
std::optional<PatternRegex> try_compile(const std::string& pattern,
                                        const std::string& entry,
                                        std::vector<std::string>& problems) {
  try {
    return PatternRegex(pattern, PatternRegex::Extent::kStart, entry);
  } catch (const ConfigError& error) {
    problems.emplace_back(error.what());
    return std::nullopt;
  }
}

// The same for an entry that stands for whole paths.
std::optional<PatternSet> try_compile_whole(
    const std::string& entry, std::vector<std::string>& problems) {
  try {
    PatternSet out;
    out.add_regex(entry, 0);
    return out;
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
    add("layers_to_transform cannot be used when target_modules is a string "
        "(all-linear, or an expression)");
  }
  if (one_string && !fields.layers_pattern.empty()) {
    add("layers_pattern cannot be used when target_modules is a string "
        "(all-linear, or an expression)");
  }
  if (!fields.layers_pattern.empty() && !fields.layers_to_transform) {
    add("layers_pattern needs layers_to_transform");
  }
}

Excludes compile_excludes(const Rule& rule,
                          std::vector<std::string>& problems) {
  Excludes out;
  if (rule.peft.excludes_regex && rule.excludes.size() == 1) {
    out.regex = try_compile_whole(rule.excludes.front(), problems);
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
PatternKeys<Value> compile_keys(
    const std::vector<std::pair<std::string, Value>>& keys,
    std::vector<std::string>& problems) {
  PatternKeys<Value> out;
  out.rows = keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    out.texts[keys[i].first].push_back(i);
    try {
      out.patterns.add_peft_key(keys[i].first, i);
    } catch (const ConfigError& error) {
      problems.emplace_back(error.what());
    }
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
    try_compile_whole(rule.targets.front(), problems);
  }
  out.excludes = compile_excludes(rule, problems);
  out.layers_patterns = compile_layers(rule.peft, problems);
  out.ranks = compile_keys(rule.peft.rank_pattern, problems);
  out.alphas = compile_keys(rule.peft.alpha_pattern, problems);
  if (!problems.empty()) return nullptr;
  return std::make_unique<CompiledPeftRule>(std::move(out));
}

}  // namespace graft
