// Finds the prefix that tells two sets of dotted names apart;
// key_mismatch_internal.h has the contract.
#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include "formats/hf/key_mismatch_internal.h"
#include "io/json_file_internal.h"

namespace graft {
namespace {

constexpr std::size_t kSampleCount = 4;

// `part` (dots included) is inserted at byte `place`, after text `before`.
struct Insertion {
  std::string before;
  std::string part;
};

// How `longer` comes from `shorter`, when it does so by one insertion of whole
// components.
std::optional<Insertion> find_insertion(std::string_view shorter,
                                        std::string_view longer) {
  if (longer.size() <= shorter.size()) return std::nullopt;
  std::size_t common = 0;
  std::size_t boundary = 0;  // after the last dot that both share
  while (common < shorter.size() && shorter[common] == longer[common]) {
    if (shorter[common++] == '.') boundary = common;
  }
  const std::size_t extra = longer.size() - shorter.size();
  if (longer.substr(boundary + extra) != shorter.substr(boundary)) {
    return std::nullopt;
  }
  const std::string_view part = longer.substr(boundary, extra);
  if (part.back() != '.') return std::nullopt;
  return Insertion{std::string(shorter.substr(0, boundary)), std::string(part)};
}

// True when the insertion turns every one of `shorter` into one of `longer`.
bool explains_all(const Insertion& insertion,
                  const std::vector<std::string>& shorter,
                  const std::set<std::string>& longer) {
  return std::all_of(
      shorter.begin(), shorter.end(), [&](const std::string& name) {
        if (!name.starts_with(insertion.before)) return false;
        return longer.contains(insertion.before + insertion.part +
                               name.substr(insertion.before.size()));
      });
}

std::optional<Insertion> find_common_insertion(
    const std::vector<std::string>& shorter,
    const std::vector<std::string>& longer) {
  if (shorter.empty()) return std::nullopt;
  const std::set<std::string> targets(longer.begin(), longer.end());
  for (const std::string& candidate : longer) {
    const auto insertion = find_insertion(shorter.front(), candidate);
    if (insertion && explains_all(*insertion, shorter, targets)) {
      return insertion;
    }
  }
  return std::nullopt;
}

std::string place_of(const Insertion& insertion) {
  return insertion.before.empty() ? "at the front"
                                  : "after '" + insertion.before + "'";
}

}  // namespace

std::string sample_names(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kSampleCount); ++i) {
    if (i > 0) out += ", ";
    out += printable(names[i]);
  }
  if (names.size() > kSampleCount) {
    out += " and " + std::to_string(names.size() - kSampleCount) + " more";
  }
  return out;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

std::string explain_names(const std::vector<std::string>& wanted,
                          const std::vector<std::string>& found) {
  if (const auto inserted = find_common_insertion(wanted, found)) {
    return "Every key has '" + inserted->part + "' " + place_of(*inserted) +
           ", which the model does not have";
  }
  if (const auto removed = find_common_insertion(found, wanted)) {
    return "Every key lacks '" + removed->part + "' " + place_of(*removed);
  }
  return {};
}

}  // namespace graft
