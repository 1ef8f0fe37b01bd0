// Which requested entry found a module: the bookkeeping behind the one warning
// about entries without a match. Entry points: the alias members of
// ModuleMatcher.
#include <algorithm>
#include <vector>

#include "graft/peft/module_matcher.h"

namespace graft {
namespace {

template <typename Table>
auto find_key(Table& table, std::string_view key) {
  return std::find_if(table.begin(), table.end(),
                      [&](const auto& entry) { return entry.first == key; });
}

// The value at `key`, made at the end when it is not there yet.
template <typename Table>
auto& value_at(Table& table, std::string_view key) {
  auto found = find_key(table, key);
  if (found != table.end()) return found->second;
  return table
      .emplace_back(std::string(key), typename Table::value_type::second_type{})
      .second;
}

}  // namespace

void ModuleMatcher::register_target_alias(
    std::optional<std::string_view> alias,
    std::optional<std::string_view> pattern) {
  if (!alias || !pattern) return;
  const auto old = find_key(alias_to_pattern_, *alias);
  // The reference tests the old pattern for truth, so that an alias never
  // leaves the empty pattern.
  if (old != alias_to_pattern_.end() && !old->second.empty()) {
    value_at(pattern_to_alias_, old->second).erase(std::string(*alias));
  }
  value_at(alias_to_pattern_, *alias) = std::string(*pattern);
  value_at(pattern_to_alias_, *pattern).insert(std::string(*alias));
  value_at(alias_matches_, *alias);
}

void ModuleMatcher::init_target_match_state() {
  pattern_to_alias_.clear();
  alias_to_pattern_.clear();
  alias_matches_.clear();
  if (!target_modules) return;
  for (const std::string& target : *target_modules) {
    register_target_alias(target, target);
  }
}

void ModuleMatcher::record_match(std::string_view pattern,
                                 std::optional<std::string_view> full_name) {
  const auto aliases = find_key(pattern_to_alias_, pattern);
  if (aliases == pattern_to_alias_.end()) return;
  for (const std::string& alias : aliases->second) {
    const bool named = full_name && !full_name->empty();
    value_at(alias_matches_, alias)
        .insert(named ? std::string(*full_name) : alias);
  }
}

void ModuleMatcher::reset_target_match_state() {
  for (auto& [alias, names] : alias_matches_) names.clear();
}

void ModuleMatcher::validate_target_matches() {
  const std::vector<std::string> unmatched = unmatched_aliases();
  if (unmatched.empty()) return;
  std::string text =
      "No modules matched the requested target_modules entries: ";
  for (std::size_t i = 0; i < unmatched.size(); ++i) {
    if (i > 0) text += ", ";
    text += unmatched[i];
  }
  module_matcher_logger().warning(text);
}

std::vector<std::string> ModuleMatcher::unmatched_aliases() const {
  std::vector<std::string> unmatched;
  for (const auto& [alias, pattern] : alias_to_pattern_) {
    const auto names = find_key(alias_matches_, alias);
    if (names == alias_matches_.end() || names->second.empty()) {
      unmatched.push_back(alias);
    }
  }
  // Bytes of UTF-8 sort as code points do.
  std::sort(unmatched.begin(), unmatched.end());
  return unmatched;
}

}  // namespace graft
