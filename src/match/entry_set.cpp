// Sorts entries by what answers them, and asks both.
#include "match/entry_set_internal.h"

#include <algorithm>
#include <cctype>

#include "graft/base/error.h"
#include "match/glob_internal.h"

namespace graft {
namespace {

bool is_plain_regex(std::string_view entry) {
  return std::all_of(entry.begin(), entry.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
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
  std::size_t text = 0;
  for (const std::string& entry : entries) text += entry.size();
  patterns_.reserve(text);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string& entry = entries[i];
    if (is_all_linear(entry)) {
      all_linear_.push_back(i);
      continue;
    }
    by_text_.add(entry, i);
    if (is_literal_entry(entry, syntax)) {
      literals_.add(entry, i);
      continue;
    }
    try {
      if (syntax == PatternSyntax::kMegatron) {
        patterns_.add_megatron(entry, i);
      } else {
        patterns_.add_glob(entry, i);
      }
    } catch (const ConfigError& error) {
      problems.emplace_back(error.what());
    }
  }
}

void EntrySet::collect(std::string_view last, std::string_view full,
                       std::vector<std::size_t>& hits) const {
  by_text_.collect(last, hits);
  if (full != last) literals_.collect(full, hits);
  // The `$` of the reference also stands before one final newline.
  if (syntax_ == PatternSyntax::kMegatron && full.ends_with('\n')) {
    literals_.collect(full.substr(0, full.size() - 1), hits);
  }
  patterns_.collect(full, hits);
}

std::size_t EntrySet::first_hit(std::string_view last,
                                std::string_view full) const {
  std::size_t first = std::min(by_text_.first(last), literals_.first(full));
  if (syntax_ == PatternSyntax::kMegatron && full.ends_with('\n')) {
    first = std::min(first, literals_.first(full.substr(0, full.size() - 1)));
  }
  return std::min(first, patterns_.first_hit(full));
}

void sort_unique(std::vector<std::size_t>& indices) {
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
}

}  // namespace graft
