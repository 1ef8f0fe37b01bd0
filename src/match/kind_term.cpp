// The table of kinds and the reading of "kind=WORD:PATTERN".
#include "match/kind_term_internal.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "graft/base/edit_distance.h"
#include "graft/base/error.h"
#include "match/folded_path_internal.h"

namespace graft {
namespace {

constexpr std::string_view kPrefix = "kind=";
constexpr std::size_t kLongestWord = 60;  // shown of what is no kind

enum Kind : KindSet {
  kKindLinear = 1,
  kKindAttention = 2,
  kKindMlp = 4,
  kKindExpert = 8,
  kKindSharedExpert = 16,
  kKindRouter = 32,
  kKindHead = 64,
  kKindGrouped = 128,
};

constexpr std::array<std::pair<std::string_view, KindSet>, 8> kKinds{
    {{"linear", kKindLinear},
     {"attention", kKindAttention},
     {"mlp", kKindMlp},
     {"expert", kKindExpert},
     {"grouped", kKindGrouped},
     {"shared_expert", kKindSharedExpert},
     {"router", kKindRouter},
     {"head", kKindHead}}};

// Components of a path, whole, below which a layer is attention or MLP.
constexpr std::array<std::string_view, 7> kAttentionNames{
    "self_attention", "cross_attention", "self_attn", "cross_attn", "attention",
    "attn",           "linear_attn"};
constexpr std::array<std::string_view, 5> kMlpNames{
    "mlp", "ffn", "feed_forward", "feedforward", "block_sparse_moe"};
constexpr std::array<std::string_view, 2> kSharedExpertNames{"shared_expert",
                                                             "shared_experts"};
constexpr std::array<std::string_view, 3> kHeadNames{"lm_head", "output_layer",
                                                     "embed_out"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What the components above the last one say.
KindSet kinds_of_path(std::string_view path) {
  KindSet out = 0;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
       dot = path.find('.')) {
    const std::string_view part = path.substr(0, dot);
    if (contains(kAttentionNames, part)) out |= kKindAttention;
    if (contains(kMlpNames, part)) out |= kKindMlp;
    if (contains(kSharedExpertNames, part)) out |= kKindSharedExpert;
    path.remove_prefix(dot + 1);
  }
  return out;
}

std::string kind_list() {
  std::string out;
  for (const std::string& name : kind_names()) {
    if (!out.empty()) out += name == kind_names().back() ? " or " : ", ";
    out += name;
  }
  return out;
}

std::string unknown_kind(const std::string& entry, std::string_view word) {
  if (word.size() > kLongestWord) word = word.substr(0, kLongestWord);
  const auto near = nearest_names(word, kind_names(), 1);
  return ErrorText{.operation = "match",
                   .what = "'" +
                           entry.substr(0, kPrefix.size() + kLongestWord) +
                           "' asks for an unknown kind",
                   .got = "'" + std::string(word) + "'",
                   .expected = kind_list(),
                   .hint = near.empty() ? "" : "Nearest: kind=" + near.front()}
      .str();
}

}  // namespace

bool is_head_name(std::string_view last_component) {
  return contains(kHeadNames, last_component);
}

KindSet kinds_of(const ModuleInfo& info) {
  const bool linear = is_linear_kind(info.kind, true);
  KindSet out = 0;
  if (info.output_head) return linear ? KindSet{kKindHead} : 0;
  if (info.kind == LayerKind::kRouter) return kKindRouter;
  if (info.kind == LayerKind::kTeGrouped) {
    out |= kKindLinear | kKindExpert | kKindGrouped;
  }
  if (linear) out |= kKindLinear;
  if (info.expert) out |= kKindExpert;
  out |= kinds_of_path(info.path);
  for (const ModulePart& part : info.parts) out |= kinds_of_path(part.path);
  return out;
}

KindSet kinds_of_name(std::string_view full_name) {
  const std::string_view last = full_name.substr(full_name.rfind('.') + 1);
  if (is_head_name(last)) return kKindHead;
  KindSet out = kKindLinear | kinds_of_path(full_name);
  if (path_numbers(full_name).expert) out |= kKindExpert;
  return out;
}

const std::vector<std::string>& kind_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, kind] : kKinds) out.emplace_back(name);
    return out;
  }();
  return names;
}

KindSet kind_from_name(std::string_view name) {
  for (const auto& [known, kind] : kKinds) {
    if (known == name) return kind;
  }
  return 0;
}

std::optional<KindEntry> split_kind_entry(std::string_view entry,
                                          PatternSyntax syntax) {
  if (syntax != PatternSyntax::kGlob || !entry.starts_with(kPrefix)) {
    return std::nullopt;
  }
  entry.remove_prefix(kPrefix.size());
  const std::size_t colon = entry.find(':');
  if (colon == std::string_view::npos) return KindEntry{entry, "*"};
  return KindEntry{entry.substr(0, colon), entry.substr(colon + 1)};
}

bool is_linear_kind_entry(std::string_view entry, PatternSyntax syntax) {
  const auto split = split_kind_entry(entry, syntax);
  return split && split->kind == "linear";
}

KindTerms::KindTerms(const std::vector<std::string>& entries,
                     PatternSyntax syntax, std::vector<std::string>& problems) {
  for (const std::string& entry : entries) {
    const auto split = split_kind_entry(entry, syntax);
    patterns_.push_back(split ? std::string(split->pattern) : entry);
    wanted_.push_back(split ? kind_from_name(split->kind) : 0);
    if (!split) continue;
    any_ = true;
    if (wanted_.back() == 0) {
      problems.push_back(unknown_kind(entry, split->kind));
    } else if (split->pattern.empty()) {
      problems.push_back("match: '" + entry +
                         "' has no pattern after the colon");
    }
  }
}

bool KindTerms::ask_linear(const std::vector<std::size_t>& hits) const {
  return any_ && std::any_of(hits.begin(), hits.end(), [&](std::size_t entry) {
           return wanted_[entry] == kKindLinear;
         });
}

void KindTerms::keep_kind(KindSet kinds, std::vector<std::size_t>& hits) const {
  if (!any_) return;
  std::erase_if(hits, [&](std::size_t entry) {
    return wanted_[entry] != 0 && (wanted_[entry] & kinds) == 0;
  });
}

}  // namespace graft
