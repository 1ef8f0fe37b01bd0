// The insertion-ordered map of ModuleMatcher::canonical_mapping. Entry point:
// CanonicalMapping.
#include <algorithm>

#include "graft/peft/module_matcher.h"

namespace graft {

CanonicalMapping::CanonicalMapping(std::initializer_list<Value> values) {
  for (const Value& value : values) (*this)[value.first] = value.second;
}

std::set<std::string>& CanonicalMapping::operator[](
    const std::string& pattern) {
  for (Value& value : values_) {
    if (value.first == pattern) return value.second;
  }
  return values_.emplace_back(pattern, std::set<std::string>{}).second;
}

CanonicalMapping::const_iterator CanonicalMapping::find(
    std::string_view pattern) const {
  return std::find_if(values_.begin(), values_.end(), [&](const Value& value) {
    return value.first == pattern;
  });
}

}  // namespace graft
