// Name-level selection of live modules, as the reference documents it. Entry
// point: ModuleMatcher::match. The alias bookkeeping is in target_alias.cpp.
#include "graft/peft/module_matcher.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/peft/layer_kind.h"
#include "peft/live_entries_internal.h"

namespace graft {
namespace {

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

}  // namespace

// The lists as they were when a module was last asked about: fields may change
// at any time.
struct ModuleMatcher::Compiled {
  LiveEntries mapping;
  std::vector<std::string> mapping_keys;
  LiveEntries targets;
  LiveEntries excludes;

  const std::vector<std::string>& keys_of(const CanonicalMapping& mapped) {
    if (!std::ranges::equal(mapped, mapping_keys, {},
                            &CanonicalMapping::Value::first)) {
      mapping_keys.clear();
      for (const auto& [key, components] : mapped) mapping_keys.push_back(key);
    }
    return mapping_keys;
  }
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
  const LiveQuestion question{m, name, full_name, te_available};
  if (!canonical_mapping.empty()) {
    require_no_excludes("canonical_mapping");
    const auto& keys = compiled_->keys_of(canonical_mapping);
    return first_hit(compiled_->mapping, keys, question);
  }
  if (target_modules && !target_modules->empty()) {
    require_no_excludes("target_modules");
    return first_hit(compiled_->targets, *target_modules, question);
  }
  return match_not_excluded(m, name, full_name);
}

std::optional<Match> ModuleMatcher::match_not_excluded(
    const torch::nn::Module& m, std::optional<std::string_view> name,
    const std::optional<std::string>& full_name) {
  compiled_->excludes.update(exclude_modules, syntax);
  if (compiled_->excludes.excludes({m, name, full_name, te_available})) {
    return std::nullopt;
  }
  if (!is_linear_kind(layer_kind_of(m), te_available)) return std::nullopt;
  if (name) return hit(std::string(*name), full_name);
  return Match{std::nullopt, full_name};
}

std::optional<Match> ModuleMatcher::first_hit(
    LiveEntries& compiled, const std::vector<std::string>& entries,
    const LiveQuestion& question) {
  compiled.update(entries, syntax);
  const std::size_t first = compiled.first_hit(question);
  if (first == LiveEntries::kNoHit) return std::nullopt;
  return hit(entries[first], question.full_name);
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
