// The first key that matches wins; rank and alpha are looked up apart.
#include "match/peft_sizes_internal.h"

#include <algorithm>
#include <utility>

namespace graft {
namespace {

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

}  // namespace

PeftSizes::PeftSizes(const PeftRule& rule,
                     const std::vector<std::string>& fused)
    : rule_(rule),
      fused_(fused),
      rank_used_(rule.ranks.rows.size(), false),
      alpha_used_(rule.alphas.rows.size(), false) {}

AdapterSettings PeftSizes::of(std::string_view path) {
  AdapterSettings out = rule_.rule.adapter;
  const auto* rank = find_key(rule_.ranks, path, rank_used_);
  const auto* alpha = find_key(rule_.alphas, path, alpha_used_);
  for (const std::string& name : fused_) {
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

void PeftSizes::add_unused(std::vector<std::string>& out) const {
  graft::add_unused(rule_.ranks, rank_used_, "rank_pattern", out);
  graft::add_unused(rule_.alphas, alpha_used_, "alpha_pattern", out);
}

}  // namespace graft
