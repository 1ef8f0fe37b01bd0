// Entries that say what a module is, not what it is called: "kind=expert",
// "kind=expert:*.layers.{20..}.*". A thin layer above the pattern engine, which
// sees the part after the colon. Entry points: KindTerms, kinds_of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/match/module_info.h"
#include "graft/match/rule.h"

namespace graft {

// A set of kinds, one bit each; docs/matching.md defines them.
using KindSet = std::uint32_t;

// The last component of a path is what output heads are called: lm_head,
// output_layer, embed_out.
bool is_head_name(std::string_view last_component);

// Every kind of the module. The attention and mlp kinds are told by whole
// components of its names in either world, the others by ModuleInfo.
KindSet kinds_of(const ModuleInfo& info);
// The same of a linear layer that is known by its path alone.
KindSet kinds_of_name(std::string_view full_name);

// The words after "kind=", in the order of docs/matching.md.
const std::vector<std::string>& kind_names();
// 0 for an unknown word.
KindSet kind_from_name(std::string_view name);

// "kind=expert:PATTERN" taken apart; nullopt for any other entry.
struct KindEntry {
  std::string_view kind;
  std::string_view pattern;  // "*" where none was written
};
std::optional<KindEntry> split_kind_entry(std::string_view entry,
                                          PatternSyntax syntax);
// The entry is "kind=linear" or "kind=linear:PATTERN".
bool is_linear_kind_entry(std::string_view entry, PatternSyntax syntax);

// The kinds that a list of entries asks for.
class KindTerms {
 public:
  // Appends a sentence for every unknown kind to `problems`.
  KindTerms(const std::vector<std::string>& entries, PatternSyntax syntax,
            std::vector<std::string>& problems);

  // The entries as the pattern engine reads them.
  const std::vector<std::string>& patterns() const { return patterns_; }
  // Takes the hits out whose entry asks for another kind.
  void keep_kind(KindSet kinds, std::vector<std::size_t>& hits) const;
  // Some of the entries ask for kind linear, which the output head is not.
  bool ask_linear(const std::vector<std::size_t>& hits) const;
  // The entry says "kind=": what it hits, it means.
  bool asks_for_kind(std::size_t entry) const { return wanted_[entry] != 0; }
  // Entries without a kind pass everything: then kinds need not be known.
  bool empty() const { return !any_; }

 private:
  std::vector<std::string> patterns_;
  std::vector<KindSet> wanted_;  // 0: any
  bool any_ = false;
};

}  // namespace graft
