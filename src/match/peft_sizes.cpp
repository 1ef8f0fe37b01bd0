// The first key that matches wins; rank and alpha are looked up apart.
#include "match/peft_sizes_internal.h"

namespace graft {
namespace {

// The first key that matches; else the key that is the path itself, letter by
// letter (PEFT looks it up so when no key matches as an expression); or null.
template <typename Value>
const KeyedRegex<Value>* find_key(const std::vector<KeyedRegex<Value>>& keys,
                                  std::string_view path,
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
  return first ? first : same;
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

}  // namespace

PeftSizes::PeftSizes(const PeftRule& rule,
                     const std::vector<std::string>& fused)
    : rule_(rule),
      fused_(fused),
      rank_used_(rule.ranks.size(), false),
      alpha_used_(rule.alphas.size(), false) {}

AdapterSettings PeftSizes::of(std::string_view path) {
  AdapterSettings out = rule_.rule.adapter;
  const auto* rank = find_key(rule_.ranks, path, rank_used_);
  const auto* alpha = find_key(rule_.alphas, path, alpha_used_);
  for (const std::string& name : fused_) {
    if (!path.ends_with("." + name)) continue;
    // PEFT writes this key itself, over one that a person wrote.
    const std::string key = ".*\\." + name;
    if (!rank || rank->key == key) out.rank *= 2, rank = nullptr;
    if (!alpha || alpha->key == key) out.alpha *= 2.0, alpha = nullptr;
  }
  if (rank) out.rank = rank->value;
  if (alpha) out.alpha = alpha->value;
  return out;
}

void PeftSizes::add_unused(std::vector<std::string>& out) const {
  graft::add_unused(rule_.ranks, rank_used_, "rank_pattern", out);
  graft::add_unused(rule_.alphas, alpha_used_, "alpha_pattern", out);
}

}  // namespace graft
