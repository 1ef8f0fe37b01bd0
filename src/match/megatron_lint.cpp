// Tries the entries in both readings on every name.
#include "match/megatron_lint_internal.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/match/name_pattern.h"
#include "match/component_path_internal.h"
#include "match/entry_set_internal.h"
#include "match/folded_path_internal.h"
#include "match/text_table_internal.h"

namespace graft {
namespace {

bool is_glob(const std::string& entry) {
  try {
    NamePattern::glob(entry);
    return true;
  } catch (const ConfigError&) {
    return false;  // a regular expression: meant as one
  }
}

// All names that a megatron entry is tried on.
std::vector<std::string> linear_names(const Inventory& inventory) {
  std::vector<std::string> out;
  for (const ModuleInfo& info : inventory.modules) {
    if (!takes_adapter(info.kind)) continue;
    out.push_back(info.path);
    for (const ModulePart& part : info.parts) {
      if (!part.component.empty()) {
        out.push_back(component_path(info.path, part.component));
      }
      if (part.path != info.path) out.push_back(part.path);
    }
  }
  return out;
}

// Entries of one list that the two readings may part on, compiled for all
// names at once: each reading is one pass over the names.
class Comparison {
 public:
  Comparison(const std::vector<std::string>& entries, std::size_t rule,
             bool is_exclude) {
    for (const std::string& entry : entries) {
      if (is_all_linear(entry) ||
          is_literal_entry(entry, PatternSyntax::kMegatron)) {
        continue;
      }
      const bool glob = is_glob(entry);
      const std::string literal = glob ? entry : with_literal_dots(entry);
      if (!glob && literal == entry) continue;
      (glob ? globs_ : regexes_).index.push_back(differences_.size());
      (glob ? globs_ : regexes_).texts.push_back(literal);
      differences_.push_back({rule, entry, is_exclude, {}, {}});
    }
  }

  std::vector<DotDifference> run(const std::vector<std::string>& names) {
    if (differences_.empty()) return {};
    std::vector<std::string> texts;
    for (const DotDifference& entry : differences_) {
      texts.push_back(entry.entry);
    }
    std::vector<std::string> problems;  // the rules compiled: there are none
    const EntrySet reference(texts, PatternSyntax::kMegatron, problems);
    const EntrySet globs(globs_.texts, PatternSyntax::kGlob, problems);
    const EntrySet regexes(regexes_.texts, PatternSyntax::kMegatron, problems);
    for (const std::string& name : names) {
      std::vector<std::size_t> any = hits_of(reference, name);
      std::vector<std::size_t> literal;
      for (const std::size_t i : hits_of(globs, name)) {
        literal.push_back(globs_.index[i]);
      }
      for (const std::size_t i : hits_of(regexes, name)) {
        literal.push_back(regexes_.index[i]);
      }
      sort_unique(literal);
      record(name, any, literal);
    }
    std::erase_if(differences_, [](const DotDifference& difference) {
      return difference.only_reference.empty() &&
             difference.only_literal.empty();
    });
    return std::move(differences_);
  }

 private:
  struct Readings {
    std::vector<std::string> texts;
    std::vector<std::size_t> index;  // into differences_
  };

  static std::vector<std::size_t> hits_of(const EntrySet& set,
                                          const std::string& name) {
    std::vector<std::size_t> hits;
    set.collect(last_component(name), name, hits);
    sort_unique(hits);
    return hits;
  }

  // Both lists are sorted.
  void record(const std::string& name, const std::vector<std::size_t>& any,
              const std::vector<std::size_t>& literal) {
    const auto add = [&](const auto& from, const auto& without, auto member) {
      for (const std::size_t i : from) {
        // Its own text hits in either reading: the last part is compared.
        if (last_component(name) == differences_[i].entry) continue;
        if (!std::binary_search(without.begin(), without.end(), i)) {
          (differences_[i].*member).push_back(name);
        }
      }
    };
    add(any, literal, &DotDifference::only_reference);
    add(literal, any, &DotDifference::only_literal);
  }

  Readings globs_;
  Readings regexes_;
  std::vector<DotDifference> differences_;
};

bool has_quantifier(std::string_view rest) {
  return !rest.empty() && (rest.front() == '*' || rest.front() == '+' ||
                           rest.front() == '?' || rest.front() == '{');
}

}  // namespace

std::string with_literal_dots(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      out += c;
      out += pattern[++i];
      continue;
    }
    if (c == '[' && !in_class) {
      in_class = true;
      // A bracket right after the opening one is an ordinary character.
      out += c;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];
      continue;
    }
    if (c == ']') in_class = false;
    if (c == '.' && !in_class && !has_quantifier(pattern.substr(i + 1))) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::vector<DotDifference> lint_megatron(const Inventory& inventory,
                                         const std::vector<Rule>& rules) {
  std::vector<DotDifference> out;
  std::vector<std::string> names;
  for (std::size_t rule = 0; rule < rules.size(); ++rule) {
    if (rules[rule].syntax != PatternSyntax::kMegatron) continue;
    if (names.empty()) names = linear_names(inventory);
    for (const bool is_exclude : {false, true}) {
      const auto& entries =
          is_exclude ? rules[rule].excludes : rules[rule].targets;
      for (DotDifference& found :
           Comparison(entries, rule, is_exclude).run(names)) {
        out.push_back(std::move(found));
      }
    }
  }
  return out;
}

std::vector<std::string> dot_warnings(
    const std::vector<DotDifference>& differences) {
  std::vector<std::string> out;
  for (const DotDifference& difference : differences) {
    const auto add = [&](const std::vector<std::string>& names,
                         const std::string& verb, const std::string& why) {
      if (names.empty()) return;
      out.push_back((difference.is_exclude ? "exclude '" : "'") +
                    difference.entry + "' " + verb + " " +
                    with_separators(names.size()) +
                    (names.size() == 1 ? " name " : " names ") + why + ": " +
                    folded_names(names));
    };
    add(difference.only_reference, "hits",
        "only because a dot of syntax megatron is any character");
    add(difference.only_literal, "misses", "that literal dots would hit");
  }
  return out;
}

}  // namespace graft
