// Name-level selection of live modules, as the reference documents it. Entry
// point: ModuleMatcher::match. The alias bookkeeping is in target_alias.cpp.
#include "graft/peft/module_matcher.h"

#include <algorithm>
#include <unordered_map>

#include "graft/base/error.h"
#include "graft/peft/layer_kind.h"

namespace graft {
namespace {

constexpr std::string_view kAllLinear = "all-linear";

std::optional<std::string> full_name_of(
    std::optional<std::string_view> name,
    std::optional<std::string_view> prefix) {
  if (prefix && !prefix->empty()) {
    std::string full(*prefix);
    full += '.';
    full += name.value_or("None");
    return full;
  }
  if (!name) return std::nullopt;
  return std::string(*name);
}

NamePattern compile(PatternSyntax syntax, const std::string& text) {
  switch (syntax) {
    case PatternSyntax::kMegatron:
      return NamePattern::megatron(text);
    case PatternSyntax::kPeft:
      return NamePattern::peft_suffix(text);
    case PatternSyntax::kGlob:
      break;
  }
  return NamePattern::glob(text);
}

}  // namespace

// Patterns compiled so far, by their text: fields may change at any time, so a
// text that is new compiles when it is first tried.
struct ModuleMatcher::Compiled {
  struct Question {
    const torch::nn::Module& module;
    std::optional<std::string_view> name;
    const std::optional<std::string>& full_name;
    bool te_available;
  };

  bool matches(PatternSyntax wanted, const std::string& text,
               std::string_view full_name) {
    if (wanted != syntax) {
      patterns.clear();
      syntax = wanted;
    }
    auto found = patterns.find(text);
    if (found == patterns.end()) {
      found = patterns.emplace(text, compile(syntax, text)).first;
    }
    return found->second.matches(full_name);
  }

  bool hits(PatternSyntax wanted, const std::string& text,
            const Question& question) {
    if (question.name && *question.name == text) return true;
    if (text == kAllLinear) {
      const LayerKind kind = layer_kind_of(question.module);
      const bool linear =
          is_linear_kind(kind, question.te_available) ||
          (question.te_available && kind == LayerKind::kTeGrouped);
      return linear && !is_output_head(question.module);
    }
    return question.full_name && matches(wanted, text, *question.full_name);
  }

  PatternSyntax syntax = PatternSyntax::kGlob;
  std::unordered_map<std::string, NamePattern> patterns;
};

Logger& module_matcher_logger() {
  static Logger logger("graft.peft.module_matcher");
  return logger;
}

ModuleMatcher::ModuleMatcher() : compiled_(std::make_unique<Compiled>()) {}
ModuleMatcher::~ModuleMatcher() = default;

ModuleMatcher::ModuleMatcher(const ModuleMatcher& other) : ModuleMatcher() {
  *this = other;
}

ModuleMatcher& ModuleMatcher::operator=(const ModuleMatcher& other) {
  target_modules = other.target_modules;
  exclude_modules = other.exclude_modules;
  canonical_mapping = other.canonical_mapping;
  syntax = other.syntax;
  te_available = other.te_available;
  pattern_to_alias_ = other.pattern_to_alias_;
  alias_to_pattern_ = other.alias_to_pattern_;
  alias_matches_ = other.alias_matches_;
  return *this;
}

std::optional<Match> ModuleMatcher::match(
    const torch::nn::Module& m, std::optional<std::string_view> name,
    std::optional<std::string_view> prefix) {
  const std::optional<std::string> full_name = full_name_of(name, prefix);
  const Compiled::Question question{m, name, full_name, te_available};
  if (!canonical_mapping.empty()) {
    require_no_excludes("canonical_mapping");
    for (const auto& [pattern, components] : canonical_mapping) {
      if (compiled_->hits(syntax, pattern, question)) {
        return hit(pattern, full_name);
      }
    }
    return std::nullopt;
  }
  if (target_modules && !target_modules->empty()) {
    require_no_excludes("target_modules");
    for (const std::string& pattern : *target_modules) {
      if (compiled_->hits(syntax, pattern, question)) {
        return hit(pattern, full_name);
      }
    }
    return std::nullopt;
  }
  return match_not_excluded(m, name, full_name);
}

std::optional<Match> ModuleMatcher::match_not_excluded(
    const torch::nn::Module& m, std::optional<std::string_view> name,
    const std::optional<std::string>& full_name) {
  for (const std::string& pattern : exclude_modules) {
    if (name && *name == pattern) return std::nullopt;
  }
  for (const std::string& pattern : exclude_modules) {
    if (full_name && compiled_->matches(syntax, pattern, *full_name)) {
      return std::nullopt;
    }
  }
  if (!is_linear_kind(layer_kind_of(m), te_available)) return std::nullopt;
  if (name) return hit(std::string(*name), full_name);
  return Match{std::nullopt, full_name};
}

Match ModuleMatcher::hit(const std::string& pattern,
                         const std::optional<std::string>& full_name) {
  record_match(pattern, full_name);
  return Match{pattern, full_name};
}

void ModuleMatcher::require_no_excludes(std::string_view mode) const {
  if (exclude_modules.empty()) return;
  throw ConfigError("exclude_modules should be empty when using " +
                    std::string(mode));
}

}  // namespace graft
