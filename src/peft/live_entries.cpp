// The engine of src/match behind the rules of the reference: first hit in the
// list's order, errors when a pattern is tried.
#include "peft/live_entries_internal.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/peft/layer_kind.h"
#include "match/folded_path_internal.h"
#include "match/peft_targets_internal.h"

namespace graft {
namespace {

constexpr std::string_view kAllLinear = "all-linear";
// Stands for a name that is missing: no entry is written so.
constexpr std::string_view kNoName("\xFF\0\xFF", 3);

// What "kind=" says of a live module; nothing of what is no layer.
KindSet live_kinds(const LiveQuestion& question) {
  ModuleInfo info;
  info.kind = layer_kind_of(question.module);
  const bool is_layer = is_linear_kind(info.kind, question.te_available) ||
                        info.kind == LayerKind::kRouter ||
                        info.kind == LayerKind::kTeGrouped;
  if (!is_layer) return 0;
  info.path = *question.full_name;
  info.output_head = is_output_head(question.module);
  info.expert = path_numbers(info.path).expert;
  return kinds_of(info);
}

std::size_t lowest(const std::vector<std::size_t>& hits) {
  return hits.empty() ? LiveEntries::kNoHit
                      : *std::min_element(hits.begin(), hits.end());
}

}  // namespace

void LiveEntries::update(const std::vector<std::string>& entries,
                         PatternSyntax syntax) {
  if (compiled_ && syntax == syntax_ && entries == entries_) return;
  entries_ = entries;
  syntax_ = syntax;
  std::vector<std::string> problems;
  KindTerms kinds(entries_, syntax_, problems);
  EntrySet set(kinds.patterns(), syntax_, problems);
  compiled_ = Compiled{std::move(kinds), std::move(set), {}, {}};
  if (!problems.empty()) find_malformed();
  if (syntax_ != PatternSyntax::kPeft) return;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    compiled_->endings[entries_[i]].push_back(i);
  }
}

void LiveEntries::find_malformed() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    std::vector<std::string> problems;
    const KindTerms kinds({entries_[i]}, syntax_, problems);
    const EntrySet set(kinds.patterns(), syntax_, problems);
    if (problems.empty()) continue;
    compiled_->malformed.emplace_back(i, std::move(problems.front()));
  }
}

void LiveEntries::throw_malformed_before(std::size_t entry,
                                         const LiveQuestion& question) const {
  if (compiled_->malformed.empty() || !question.full_name) return;
  const auto& [first, message] = compiled_->malformed.front();
  // An entry that is the name hits although it is no pattern; one of an unknown
  // kind has a pattern all the same.
  const bool unknown_kind =
      first == entry && split_kind_entry(entries_[first], syntax_);
  if (first < entry || unknown_kind) throw ConfigError(message);
}

bool LiveEntries::has_text(std::string_view name) const {
  return std::find(entries_.begin(), entries_.end(), name) != entries_.end();
}

// Entries that are the name, or match the full one.
std::size_t LiveEntries::named_hit(const LiveQuestion& question) const {
  if (!question.full_name) return kNoHit;
  const std::string_view full = *question.full_name;
  const std::string_view name = question.name.value_or(kNoName);
  std::vector<std::size_t> hits;
  if (syntax_ == PatternSyntax::kPeft) {
    add_dotted_endings(compiled_->endings, full, hits);
    add_dotted_endings(compiled_->endings, name, hits);
    return lowest(hits);
  }
  if (compiled_->kinds.empty()) return compiled_->set.first_hit(name, full);
  compiled_->set.collect(name, full, hits);
  if (!hits.empty()) compiled_->kinds.keep_kind(live_kinds(question), hits);
  return lowest(hits);
}

// The first "all-linear", where the module is such a layer.
std::size_t LiveEntries::linear_hit(const LiveQuestion& question) const {
  const auto& all_linear = compiled_->set.all_linear();
  const auto first = std::find_if(
      all_linear.begin(), all_linear.end(), [this](std::size_t entry) {
        // The reference knows the word in this form alone.
        return syntax_ == PatternSyntax::kGlob || entries_[entry] == kAllLinear;
      });
  if (first == all_linear.end()) return kNoHit;
  const LayerKind kind = layer_kind_of(question.module);
  const bool linear = is_linear_kind(kind, question.te_available) ||
                      (question.te_available && kind == LayerKind::kTeGrouped);
  return linear && !is_output_head(question.module) ? *first : kNoHit;
}

std::size_t LiveEntries::first_hit(const LiveQuestion& question) const {
  std::size_t first = std::min(named_hit(question), linear_hit(question));
  if (question.name && is_all_linear(*question.name)) {
    const auto same =
        std::find(entries_.begin(), entries_.end(), *question.name);
    if (same != entries_.end()) {
      first =
          std::min(first, static_cast<std::size_t>(same - entries_.begin()));
    }
  }
  throw_malformed_before(first, question);
  return first;
}

bool LiveEntries::excludes(const LiveQuestion& question) const {
  const bool special = !compiled_->malformed.empty() ||
                       (question.name && is_all_linear(*question.name));
  if (special && question.name && has_text(*question.name)) return true;
  const std::size_t first = named_hit(question);
  throw_malformed_before(first, question);
  return first != kNoHit;
}

}  // namespace graft
