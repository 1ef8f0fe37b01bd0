// Compiles and tries lists of entries.
#include "match/entry_set_internal.h"

#include <algorithm>
#include <cctype>

#include "graft/base/error.h"
#include "match/glob_internal.h"

namespace graft {
namespace {

void add_hits(const EntryIndex& index, std::string_view text,
              std::vector<std::size_t>& hits) {
  const auto found = index.find(text);
  if (found == index.end()) return;
  hits.insert(hits.end(), found->second.begin(), found->second.end());
}

bool is_plain_regex(std::string_view entry) {
  return std::all_of(entry.begin(), entry.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

NamePattern make_pattern(const std::string& entry, PatternSyntax syntax) {
  return syntax == PatternSyntax::kMegatron ? NamePattern::megatron(entry)
                                            : NamePattern::glob(entry);
}

}  // namespace

bool is_all_linear(std::string_view entry) {
  constexpr std::string_view kWord = "all-linear";
  return std::equal(entry.begin(), entry.end(), kWord.begin(), kWord.end(),
                    [](char a, char b) {
                      return std::tolower(static_cast<unsigned char>(a)) == b;
                    });
}

bool is_literal_entry(std::string_view entry, PatternSyntax syntax) {
  switch (syntax) {
    case PatternSyntax::kGlob:
      return is_glob_literal(entry);
    case PatternSyntax::kMegatron:
      return is_plain_regex(entry);
    case PatternSyntax::kPeft:
      return true;
  }
  return true;
}

EntrySet::EntrySet(const std::vector<std::string>& entries,
                   PatternSyntax syntax, std::vector<std::string>& problems)
    : syntax_(syntax) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string& entry = entries[i];
    if (is_all_linear(entry)) {
      all_linear_.push_back(i);
      continue;
    }
    by_text_[entry].push_back(i);
    if (is_literal_entry(entry, syntax)) {
      literals_[entry].push_back(i);
      continue;
    }
    try {
      patterns_.emplace_back(i, make_pattern(entry, syntax));
    } catch (const ConfigError& error) {
      problems.emplace_back(error.what());
    }
  }
}

void EntrySet::collect(std::string_view last, std::string_view full,
                       std::vector<std::size_t>& hits) const {
  add_hits(by_text_, last, hits);
  if (full != last) add_hits(literals_, full, hits);
  // The `$` of the reference also stands before one final newline.
  if (syntax_ == PatternSyntax::kMegatron && full.ends_with('\n')) {
    add_hits(literals_, full.substr(0, full.size() - 1), hits);
  }
  for (const auto& [index, pattern] : patterns_) {
    if (pattern.matches(full)) hits.push_back(index);
  }
}

void sort_unique(std::vector<std::size_t>& indices) {
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
}

}  // namespace graft
