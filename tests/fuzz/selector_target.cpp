// Patterns on names: the engine against a naive glob, or, when the first byte
// is 'm', megatron patterns against PCRE2. Then patterns, one a line, an empty
// line, and names, each ended by a NUL byte.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/targets.h"
#include "graft/match/selector.h"
#include "match/pattern_regex_internal.h"
#include "support/naive_glob.h"

namespace graft::fuzz {
namespace {

// What the naive matcher can take.
constexpr std::size_t kMaxPatterns = 16;
constexpr std::size_t kMaxPattern = 64;
constexpr std::size_t kMaxNames = 16;
constexpr std::size_t kMaxName = 128;

std::string_view take_until(std::string_view& bytes, char end) {
  const std::size_t size = std::min(bytes.find(end), bytes.size());
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(std::min(size + 1, bytes.size()));
  return taken;
}

struct Question {
  Rule rule;
  std::vector<std::string> names;
};

Question parse(std::string_view bytes) {
  Question out;
  const bool megatron = !bytes.empty() && bytes.front() == 'm';
  bytes.remove_prefix(bytes.empty() ? 0 : 1);
  out.rule.syntax = megatron ? PatternSyntax::kMegatron : PatternSyntax::kGlob;
  while (!bytes.empty() && out.rule.targets.size() < kMaxPatterns) {
    const std::string_view pattern = take_until(bytes, '\n');
    if (pattern.empty()) break;
    out.rule.targets.emplace_back(pattern.substr(0, kMaxPattern));
  }
  while (!bytes.empty() && out.names.size() < kMaxNames) {
    out.names.emplace_back(take_until(bytes, '\0').substr(0, kMaxName));
  }
  return out;
}

// Whether the entry hits; nothing when that is not for the naive way to say.
std::optional<bool> naive_hit(const std::string& entry, PatternSyntax syntax,
                              std::string_view last, const std::string& name) {
  if (entry == last) return true;
  if (syntax == PatternSyntax::kGlob) {
    return test::naive_glob_matches(entry, name);
  }
  return PatternRegex(megatron_regex(entry), PatternRegex::Extent::kStart)
      .matches(name);
}

[[noreturn]] void report(const Question& question, const std::string& name) {
  std::fprintf(stderr, "selector: wrong answer on '%s' for", name.c_str());
  for (const std::string& entry : question.rule.targets) {
    std::fprintf(stderr, " '%s'", entry.c_str());
  }
  std::fprintf(stderr, "\n");
  std::abort();
}

void check(const Question& question, const Selector& selector,
           const std::string& name) {
  const std::vector<std::string>& entries = question.rule.targets;
  const std::string_view last =
      std::string_view(name).substr(name.rfind('.') + 1);
  const std::optional<std::size_t> hit = selector.match_one(0, last, name);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto expected =
        naive_hit(entries[i], question.rule.syntax, last, name);
    if (!expected) return;
    if (*expected != (hit == i)) report(question, name);
    if (*expected) return;
  }
}

}  // namespace

void selector(std::string_view bytes) {
  const Question question = parse(bytes);
  if (question.rule.targets.empty()) return;
  for (const std::string& entry : question.rule.targets) {
    if (entry.size() == std::string_view("all-linear").size()) return;
  }
  const Selector selector = Selector::compile({question.rule});
  for (const std::string& name : question.names) {
    check(question, selector, name);
  }
}

}  // namespace graft::fuzz
